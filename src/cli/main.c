/* SPDX-License-Identifier: MIT */
/* main.c: the ullage command. What there is to do is in the file of each command. */
#include "cli/command.h"

int main(int argc, char **argv) {
  return ul_cli_main(argc, argv);
}
