# SPDX-License-Identifier: MIT
# Ruby's everyday life as one program: churn.rb SCALE. Prints the same for the same scale.
require "digest"
require "json"

scale = (ARGV[0] || "1").to_i

table = {}
(30_000 * scale).times do |i|
  table["key#{i * 31 % 20_011}"] = {id: i, text: "x" * (i % 250), list: Array.new(i % 7) { |j| "item#{j}" }}
  table.delete("key#{i * 17 % 20_011}") if i % 3 == 0
end
text = JSON.generate(table.sort.to_h)
puts "json #{text.bytesize} #{Digest::SHA256.hexdigest(text)[0, 16]} #{JSON.parse(text).size}"

# Blocks made in one thread and dropped in another, with the collector in between.
queue = Thread::Queue.new
makers = 3.times.map { |n| Thread.new { (3000 * scale).times { |i| queue << ("%d" % (n * i)) * (i % 60 + 1) } } }
takers = 2.times.map { Thread.new { sum = 0; while (s = queue.pop); sum += s.sum; end; sum } }
makers.each(&:join)
GC.start
2.times { queue << nil }
puts "threads #{takers.sum(&:value)}"

grown = +""
(200_000 * scale).times { |i| grown << (65 + i % 26) }
words = grown.scan(/A[B-Y]+Z/).map(&:downcase).tally
puts "grown #{grown.size} #{words}"
big = (1..40).map { |i| ("b" * i) * 20_000 }
big.map!(&:reverse)
GC.compact if GC.respond_to?(:compact)
puts "big #{big.sum(&:size)} #{Digest::SHA256.hexdigest(big.join)[0, 16]}"

$stdout.flush
3.times do |n|
  reader, writer = IO.pipe
  pid = fork do
    own = (0..4000 * (n + 1)).to_h { |i| [i, "v" * (i % 90)] }
    writer.puts own.values.sum(&:size)
    writer.close
    exit!(0)
  end
  writer.close
  puts "child #{n} #{reader.read.strip} #{Process.wait2(pid)[1].exitstatus}"
end
