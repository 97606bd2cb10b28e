# SPDX-License-Identifier: MIT
# real-ruby: structs, strings and hashes built, grouped, joined and dropped; Ruby keeps the heads of its
# objects in pages of its own, all that is longer than a head comes from malloc.
Row = Struct.new(:id, :name, :words)
seed = 1
draw = lambda { |limit| seed = (seed * 1103515245 + 12345) & 0x7fffffff; seed % limit }
total = 0
3.times do |pass|
  rows = (0...40_000).map do |i|
    Row.new(i, "row number #{i} of pass #{pass} " + "x" * draw.(90), Array.new(4 + draw.(8)) { |k| "w#{draw.(5000)}" })
  end
  index = Hash.new { |hash, key| hash[key] = [] }
  rows.each { |row| row.words.each { |word| index[word] << row.id } }
  joined = rows.group_by { |row| row.name.length }.map { |length, some| some.map(&:name).join(",").bytesize + length }
  text = rows.map { |row| [row.name, *row.words].join(" ") }.join("\n")
  total += joined.sum + index.sum { |word, ids| word.length * ids.length } + text.scan(/w4\d+/).length
end
puts total
