/* SPDX-License-Identifier: MIT */
/* options.c: see options.h. */
#include "runtime/options.h"

#include <string.h>

#include "base/size_text.h"
#include "base/text.h"
#include "os/fatal.h"
#include "os/self.h"
#include "os/usage.h"

#define VALUE_SHOWN 120 /* characters; a long one must not push out what helps */

static void say_bad(const char *name, const char *value, const char *how) {
  char   line[512], shown[VALUE_SHOWN + 4];
  size_t length = strlen(value), kept = UL_MIN(length, (size_t)VALUE_SHOWN);
  memcpy(shown, value, kept);
  memcpy(shown + kept, "...", 4);
  if (kept == length) shown[kept] = 0;
  ul_text text = ul_text_init(line, sizeof line);
  ul_text_add(&text, "ULLAGE_");
  ul_text_add(&text, name);
  ul_text_add(&text, "=");
  ul_text_add(&text, shown);
  ul_text_add(&text, " is not understood and is ignored: ");
  ul_text_add(&text, how);
  ul_say(line);
}

static int parse_integer(const char *value, uint64_t *ret_number) {
  uint64_t number = 0;
  if (!*value) return -UL_E_INVAL;
  for (; *value; value++) {
    if (*value < '0' || *value > '9' || number > UINT64_MAX / 10 - 1) return -UL_E_INVAL;
    number = number * 10 + (uint64_t)(*value - '0');
  }
  *ret_number = number;
  return 0;
}

static int parse_percent(const char *value, uint64_t *ret_bytes) {
  char     digits[8];
  size_t   length = strlen(value);
  uint64_t percent;
  if (length < 2 || length > sizeof digits || value[length - 1] != '%') return -UL_E_INVAL;
  memcpy(digits, value, length - 1);
  digits[length - 1] = 0;
  if (parse_integer(digits, &percent) != 0 || percent == 0 || percent > 100) return -UL_E_INVAL;
  uint64_t machine = ul_os_memory_bytes(), container = ul_os_container_limit();
  *ret_bytes = (container && container < machine ? container : machine) / 100 * percent;
  return 0;
}

static void read_flag(const char *name, const char *value, uint64_t *ret_flag) {
  if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0) {
    *ret_flag = (uint64_t)(value[0] - '0');
  } else {
    say_bad(name, value, "write 0 or 1");
  }
}

static void read_ms(const char *name, const char *value, uint64_t *ret_ms) {
  uint64_t ms;
  if (parse_integer(value, &ms) == 0 && ms <= 86400000) {
    *ret_ms = ms;
  } else {
    say_bad(name, value, "write milliseconds as an integer up to 86400000");
  }
}

static void read_policy(const char *name, const char *value, uint64_t *ret_policy) {
  static const char *const names[] = {"grow", "fail", "abort"}; /* ul_on_budget */
  for (uint64_t i = 0; i < UL_ARRAY_LEN(names); i++) {
    if (strcmp(value, names[i]) == 0) {
      *ret_policy = i;
      return;
    }
  }
  say_bad(name, value, "write grow, fail or abort");
}

/* Of a container's limit nine tenths are for the heap: stacks, libraries and buffers of the kernel's
 * count there too. */
#define AUTO_PCT 90

/* Less than any program needs: surely a unit was forgotten. */
#define LEAST_BYTES ((uint64_t)UL_MIB)

/* A tree's name may follow (wire/tree.h): it is for the runtime. */
static void read_budget(const char *name, const char *value, uint64_t *ret_bytes) {
  char   own[64];
  size_t length = strcspn(value, "@");
  if (length < sizeof own) {
    memcpy(own, value, length);
    own[length] = 0;
    value = own;
  }
  if (strcmp(value, "off") == 0) {
    *ret_bytes = 0;
  } else if (strcmp(value, "auto") == 0) {
    *ret_bytes = ul_os_container_limit() / 100 * AUTO_PCT;
  } else if (ul_size_parse(value, ret_bytes) != 0 && parse_percent(value, ret_bytes) != 0) {
    say_bad(name, value,
            UL_SIZE_HOW ", or 1% to 100% of the machine's or container's memory, auto or off");
  } else if (*ret_bytes > 0 && *ret_bytes < LEAST_BYTES) {
    *ret_bytes = 0;
    say_bad(name, value, "it is less than any program needs; the least is 1Mi");
  }
}

void ul_options_read(ul_options *options) {
#define UL_OPTION(name, type, default_value, help) options->name = (default_value);
#include "wire/options.def"
#undef UL_OPTION
  if (ul_os_is_secure()) return;
  const char *value;
#define UL_OPTION(name, type, default_value, help)                      \
  if ((value = ul_os_environment("ULLAGE_" #name)) != NULL && *value) { \
    read_##type(#name, value, &options->name);                          \
  }
#include "wire/options.def"
#undef UL_OPTION
}
