# SPDX-License-Identifier: MIT
# real-perl: a hash of 250,000 strings and an array of pairs, sorted keys.
my %h; my @l;
for my $i (1 .. 250000) { my $k = "key" . ($i * 7919 % 1000003); $h{$k} = "v" x ($i % 60);
  push @l, [$i, $k] if $i % 3 == 0; }
my $n = 0; for my $k (sort keys %h) { $n += length $h{$k} } print "$n\n";
