/* SPDX-License-Identifier: MIT */
/* BudgetJvm.java: a JVM that needs most of a small budget.
 *
 *     java BudgetJvm [--mode heap|direct] [--live BYTES] [--direct BYTES] [--seconds N] [--seed N]
 *
 * heap: --live bytes of values (default 250 MiB) stay live and are replaced at random. direct: half
 * of its data lies outside the heap: 150 MiB live in it and 150 MiB of direct buffers, written and
 * read in turn. Values are of 256 bytes to 4 KiB; two threads replace them for --seconds.
 *
 * Everything is written once, and checked when it is replaced: a byte of the value's number stands
 * at both its ends. Prints one JSON line at its end. An OutOfMemoryError in a worker is said, and
 * the exit code is 3: a program that lost its workers has not survived.
 *
 * Threads: each worker owns its share of the values and of the buffers. */
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

public final class BudgetJvm {
  private static final int THREADS = 2;
  private static final int SMALLEST = 256;
  private static final int LARGEST = 4096;
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int HEADER_BYTES = 16; // of an array, as HotSpot lays it out

  private static volatile boolean stopping;
  private static volatile Throwable failure;

  private final Random random;
  private final List<byte[]> values = new ArrayList<>();
  private final List<ByteBuffer> buffers = new ArrayList<>();
  private long liveBytes;
  private long ops;

  private BudgetJvm(long seed) {
    random = new Random(seed);
  }

  private byte[] make() {
    byte[] value = new byte[SMALLEST + random.nextInt(LARGEST - SMALLEST)];
    byte mark = (byte) value.length;
    value[0] = mark;
    value[value.length - 1] = mark;
    liveBytes += value.length + HEADER_BYTES;
    return value;
  }

  private void check(byte[] value) {
    byte mark = (byte) value.length;
    if (value[0] != mark || value[value.length - 1] != mark) {
      throw new IllegalStateException("a value was changed while it was live");
    }
    liveBytes -= value.length + HEADER_BYTES;
  }

  private void fill(long live, long direct) {
    while (liveBytes < live) {
      values.add(make());
    }
    for (long have = 0; have < direct; have += BUFFER_BYTES) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
      while (buffer.hasRemaining()) {
        buffer.putLong(buffer.position());
      }
      buffers.add(buffer);
    }
  }

  /* The new value comes before the old one goes, as in a map: for a moment both are live. */
  private void churn() {
    while (!stopping && failure == null) {
      int at = random.nextInt(values.size());
      byte[] made = make();
      check(values.get(at));
      values.set(at, made);
      if (!buffers.isEmpty() && ops % 64 == 0) {
        ByteBuffer buffer = buffers.get(random.nextInt(buffers.size()));
        int word = random.nextInt(BUFFER_BYTES / 8) * 8;
        if (buffer.getLong(word) != word) {
          throw new IllegalStateException("a direct buffer was changed while it was live");
        }
        buffer.putLong(word, word);
      }
      ops++;
    }
  }

  private static long peakRssBytes() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    return 0;
  }

  private static long option(String[] words, String name, long otherwise) {
    for (int i = 0; i + 1 < words.length; i += 2) {
      if (words[i].equals(name)) {
        return Long.parseLong(words[i + 1]);
      }
    }
    return otherwise;
  }

  private static boolean isDirect(String[] words) {
    for (int i = 0; i + 1 < words.length; i += 2) {
      if (words[i].equals("--mode")) {
        return words[i + 1].equals("direct");
      }
    }
    return false;
  }

  public static void main(String[] words) throws Exception {
    boolean inBuffers = isDirect(words);
    long mebi = 1 << 20;
    long live = option(words, "--live", (inBuffers ? 150 : 250) * mebi);
    long direct = option(words, "--direct", inBuffers ? 150 * mebi : 0);
    long seconds = option(words, "--seconds", 20);
    long seed = option(words, "--seed", 1);

    List<BudgetJvm> workers = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    long start = System.nanoTime();
    for (int i = 0; i < THREADS; i++) {
      BudgetJvm worker = new BudgetJvm(seed + i);
      workers.add(worker);
      worker.fill(live / THREADS, direct / THREADS);
    }
    long filled = System.nanoTime();
    for (BudgetJvm worker : workers) {
      Thread thread = new Thread(() -> {
        try {
          worker.churn();
        } catch (Throwable problem) {
          failure = problem;
        }
      });
      threads.add(thread);
      thread.start();
    }
    long end = filled + seconds * 1_000_000_000L;
    while (System.nanoTime() < end && failure == null) {
      Thread.sleep(50);
    }
    stopping = true;
    long ops = 0;
    long liveNow = 0;
    for (Thread thread : threads) {
      thread.join();
    }
    for (BudgetJvm worker : workers) {
      ops += worker.ops;
      liveNow += worker.liveBytes + (long) worker.buffers.size() * BUFFER_BYTES;
    }
    if (failure != null) {
      System.err.println("BudgetJvm: gave up after " + ops + " replacements: " + failure);
      System.exit(3);
    }
    double took = (System.nanoTime() - filled) / 1e9;
    System.out.printf(
        "{\"schema\": \"ullage.example.budget_jvm/1\", \"mode\": \"%s\", \"live_bytes\": %d, "
            + "\"direct_bytes\": %d, \"heap_max_bytes\": %d, \"ops\": %d, \"ops_per_s\": %.0f, "
            + "\"fill_ns\": %d, \"peak_rss_bytes\": %d}%n",
        inBuffers ? "direct" : "heap", liveNow, direct, Runtime.getRuntime().maxMemory(), ops,
        ops / took, filled - start, peakRssBytes());
  }
}
