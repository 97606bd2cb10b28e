/* SPDX-License-Identifier: MIT */
/* test_python_words.c: what a Python's command line shuts out, for invented ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "launch/python_words.h"

static const ul_program python = {.path = "/usr/bin/python3", .runtime = UL_RUNTIME_PYTHON};

static void letters_alone_and_in_groups(void **state) {
  static const struct {
    const char *words[5];
    bool        no_variables, no_site;
  } rows[] = {
      {{"python3"}, false, false},
      {{"python3", "-I", "x.py"}, true, false},
      {{"python3", "-Es"}, true, false},
      {{"python3", "-bSE", "x.py"}, true, true},
      {{"python3", "-S"}, false, true},
      {{"python3", "x.py", "-I"}, false, false},
      {{"python3", "-c", "-I"}, false, false},
      {{"python3", "-um", "pip", "-I"}, false, false},
      {{"python3", "-X", "-I", "x.py"}, false, false},
      {{"python3", "-W", "error", "-I"}, true, false},
      {{"python3", "-XI"}, false, false},
      {{"python3", "--version"}, false, false},
      {{"python3", "-", "-I"}, false, false},
      {{NULL}, false, false},
  };
  (void)state;
  for (size_t i = 0; i < UL_ARRAY_LEN(rows); i++) {
    ul_python_words words = ul_python_words_read(&python, (char *const *)rows[i].words);
    assert_int_equal(words.no_variables, rows[i].no_variables);
    assert_int_equal(words.no_site, rows[i].no_site);
  }
}

static void a_script_has_them_in_its_first_line(void **state) {
  static char *arguments[] = {"./tool", "-S", NULL};
  ul_program   script = python;
  (void)state;
  script.is_script = true;
  strcpy(script.interpreter_option, "-I");
  ul_python_words words = ul_python_words_read(&script, arguments);
  assert_true(words.no_variables);
  assert_false(words.no_site); /* the script's own */
  script.is_python_wrapper = true;
  words = ul_python_words_read(&script, arguments);
  assert_false(words.no_variables);
  assert_true(words.no_site);
}

static void others_have_no_such_letters(void **state) {
  static char *arguments[] = {"tool", "-I", NULL};
  ul_program   native = {.runtime = UL_RUNTIME_NATIVE};
  (void)state;
  assert_false(ul_python_words_read(&native, arguments).no_variables);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(letters_alone_and_in_groups),
      cmocka_unit_test(a_script_has_them_in_its_first_line),
      cmocka_unit_test(others_have_no_such_letters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
