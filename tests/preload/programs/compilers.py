# SPDX-License-Identifier: MIT
"""gcc and g++ on one large generated file each; the object code must be the same to the byte.

cc1 has its own garbage-collected heap on mmap, and beside it obstacks and vectors on malloc; cc1plus with templates
makes the largest process of the two. The sources come from a fixed seed."""
import random

from harness import Program


def c_source(functions):
    pick = random.Random(3)
    lines = ["#include <stddef.h>", "struct node { struct node *next; int key; double weight; char name[24]; };"]
    for i in range(functions):
        a, b, c = (pick.randrange(1, 9999) for _ in range(3))
        lines.append(f"""int f{i}(struct node *n, int x) {{
  static const char *names[] = {{"n{a}", "n{b}", "n{c}"}};
  int total = {a}; double sum = {b}.{c};
  for (struct node *p = n; p; p = p->next) {{
    switch (p->key % {3 + a % 7}) {{
    case 0: total += x * {b}; break;
    case 1: sum *= p->weight + {c}; if (sum > {a}) total ^= p->name[x & 15]; break;
    case 2: for (int i = 0; i < {4 + a % 13}; i++) total = total * 31 + p->name[i] + names[i % 3][1]; break;
    default: total -= {"f%d(p->next, x - 1)" % pick.randrange(i) if i else "x"};
    }}
  }}
  return total + (int)sum;
}}""")
    return "\n".join(lines) + "\n"


def cxx_source(types):
    lines = ["#include <algorithm>", "#include <functional>", "#include <map>", "#include <memory>",
             "#include <string>", "#include <unordered_map>", "#include <vector>",
             "template <int N> struct tag { int v; bool operator<(const tag &o) const { return v < o.v + N % 2; } };"]
    for i in range(types):
        lines.append(f"""std::size_t g{i}(std::vector<std::string> in) {{
  std::map<std::string, std::vector<tag<{i}>>> by; std::unordered_map<int, std::shared_ptr<std::string>> at;
  for (auto &s : in) {{ by[s].push_back(tag<{i}>{{(int)s.size()}}); at[(int)s.size()] = std::make_shared<std::string>(s); }}
  std::size_t n = 0; std::function<void(std::size_t)> add = [&](std::size_t k) {{ n += k * {i}; }};
  for (auto &e : by) {{ std::sort(e.second.begin(), e.second.end()); add(e.second.size()); }}
  for (auto &e : at) add(e.second->size());
  return n;
}}""")
    return "\n".join(lines) + "\n"


def gcc(box):
    box.write("large.c", c_source(150 if box.small else 1000))
    box.run(["gcc", "-O2", "-g", "-c", "large.c"], timeout_s=300)
    box.keep_file("large.o")


def gxx(box):
    box.write("large.cc", cxx_source(4 if box.small else 24))
    box.run(["g++", "-O2", "-std=c++17", "-c", "large.cc"], timeout_s=300)
    box.keep_file("large.o")


PROGRAMS = [
    Program("gcc", gcc, "cc1 -O2 -g on a file of 1,000 functions", ["gcc"], ["gcc"], ["cc1", "as"], small=True),
    Program("g++", gxx, "cc1plus -O2 on 24 sets of template instances", ["g++"], ["g++"], ["cc1plus", "as"], small=True),
]
