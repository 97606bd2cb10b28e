# SPDX-License-Identifier: MIT
# Perl's everyday life as one program: churn.pl SCALE. Prints the same for the same scale.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);

my $scale = shift // 1;
my (%table, @list);
for my $i (0 .. 60000 * $scale) {
  my $key = "key" . ($i * 31 % 30011);
  $table{$key} .= substr("abcdefghijklmnopqrstuvwxyz" x 4, $i % 50, $i % 40);
  delete $table{"key" . ($i * 17 % 30011)} if $i % 3 == 0;
  push @list, {id => $i, tags => [map { "t$_" } 0 .. $i % 6], text => "x" x ($i % 200)} if $i % 5 == 0;
}
printf "table %d %s\n", scalar keys %table, md5_hex(join ",", map { "$_=$table{$_}" } sort keys %table);
my @sorted = sort { $b->{text} cmp $a->{text} || $a->{id} <=> $b->{id} } @list;
printf "list %d %s\n", scalar @sorted, md5_hex(join ",", map { "$_->{id}:@{$_->{tags}}" } @sorted);

my $text = join " ", map { "word$_ is number " . $_ * 7 } 0 .. 20000 * $scale;
my $count = 0;
$count++ while $text =~ /word(\d*7) is number (\d+)/g;
(my $changed = $text) =~ s/(\d+)/<$1>/g;
printf "regex %d %d %s\n", $count, length $changed, md5_hex($changed);

my $grown = "";
$grown .= chr(65 + $_ % 26) for 0 .. 400000 * $scale;
printf "grown %d %s\n", length $grown, md5_hex($grown);

$| = 1;
for my $n (1 .. 4) {
  pipe(my $in, my $out) or die;
  my $pid = fork // die;
  if (!$pid) {
    my %own = map { $_ => "v" x ($_ % 100) } 0 .. 5000 * $n;
    print $out md5_hex(join ",", map { $own{$_} } sort keys %own), "\n";
    close $out;
    exit 0;
  }
  close $out;
  my $line = <$in>;
  waitpid $pid, 0;
  print "child $n $? $line";
}
