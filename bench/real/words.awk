# SPDX-License-Identifier: MIT
# real-awk: words of a generated text counted, indexed by line and joined again.
{
  for (i = 1; i <= NF; i++) {
    count[$i]++
    if (!(($i, NR % 64) in seen)) { seen[$i, NR % 64] = NR; lines[$i] = lines[$i] "," NR }
  }
  text[NR % 5000] = $0
}
END {
  for (word in count) { total += count[word] * length(word); joined += length(lines[word]) }
  for (n in text) { gsub(/a/, "bb", text[n]); kept += length(text[n]) }
  print NR, total, joined, kept
}
