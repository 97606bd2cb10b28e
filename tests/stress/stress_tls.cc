/* SPDX-License-Identifier: MIT */
/* stress_tls.cc: C++ objects whose destructors run late: thread_local, static, function-local.
 *
 * thread_local destructors run at thread exit before the C library's keys are done, static ones at
 * exit after atexit handlers registered later. All of them free strings and vectors made by other
 * threads or much earlier, and allocate in the destructor. The last static destructor checks that
 * every one ran. */
#include "stress.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> born{0}, died{0};

/* Verifies at the very end; constructed first, so destroyed last. */
struct Verdict {
  ~Verdict() {
    CHECK(born == died, "%d objects born, %d died: a destructor did not run", born.load(),
          died.load());
    std::vector<std::string> last(100, std::string(300, 'z'));
    CHECK(last[99].size() == 300, "vector in the last destructor");
  }
} verdict;

struct Keeper {
  std::vector<std::string>              words;
  std::map<int, std::unique_ptr<int[]>> arrays;
  explicit Keeper(int scale) {
    born++;
    for (int i = 0; i < 200; i++) {
      words.emplace_back(static_cast<size_t>(i * scale), 'w');
      arrays[i] = std::make_unique<int[]>(static_cast<size_t>(i + scale));
    }
  }
  ~Keeper() {
    for (size_t i = 0; i < words.size(); i++)
      CHECK(words[i].find_first_not_of('w') == std::string::npos, "string %zu was damaged", i);
    std::string made_late(words.size() * 50, 'd');
    words.push_back(made_late);
    died++;
  }
};

thread_local Keeper keeper(7);
Keeper              static_keeper(31);

void *touch(void *) {
  keeper.words[3] += "w";
  static Keeper local(3);
  local.words[1] += "w";
  return nullptr;
}

} // namespace

int main(int argc, char **argv) {
  stress_start(argc, argv, 100);
  for (int round = 0; round < 60; round++) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) threads.emplace_back([] { touch(nullptr); });
    pthread_t plain = stress_thread(touch, nullptr);
    for (auto &thread : threads) thread.join();
    stress_join(plain);
  }
  touch(nullptr);
  return stress_done("stress_tls", "thread_local and static destructors allocate and free");
}
