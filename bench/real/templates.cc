// SPDX-License-Identifier: MIT
// real-g++: a translation unit of the common kind: small, on top of much of the standard library.
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

template <int N> struct tower {
  std::array<char, N + 1>                              floors{};
  std::tuple<int, tower<N - 1> *, std::array<char, N>> below{};
  int height() const { return N + static_cast<int>(floors.size()) + std::get<0>(below); }
};
template <> struct tower<0> {
  int height() const { return 0; }
};

template <int... Ns> int heights(std::integer_sequence<int, Ns...>) {
  int sum = 0;
  for (int one : {tower<Ns>{}.height()...}) sum += one;
  return sum;
}

int main(int count, char **words) {
  std::unordered_map<std::string, std::vector<std::function<int(int)>>> table;
  std::ostringstream                                                    out;
  for (int i = 0; i < count; i++) {
    std::string word = words[i];
    auto        at = word.find('=');
    if (at != std::string::npos)
      table[word.substr(0, at)].push_back(
          [n = std::stoi(word.substr(at + 1))](int x) { return x + n; });
  }
  std::set<std::pair<int, std::string>> sorted;
  for (auto &[key, all] : table) {
    int sum = 0;
    for (auto &one : all) sum = one(sum);
    sorted.emplace(sum, key);
  }
  std::map<int, std::unique_ptr<std::string>> kept;
  std::for_each(sorted.begin(), sorted.end(), [&](auto &one) {
    out << one.second << one.first;
    kept.emplace(one.first, std::make_unique<std::string>(one.second));
  });
  std::cout << out.str() << kept.size() << heights(std::make_integer_sequence<int, 20>{});
  return 0;
}
