// SPDX-License-Identifier: MIT
// The part of a JVM's life that is malloc's: threads, direct buffers, zip, the compilers' arenas, GC structures.
// Churn SCALE prints the same for the same scale.
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

public class Churn {
  record Entry(int id, String name, byte[] body) {}

  static long directBuffers(int scale) {
    CRC32 crc = new CRC32();
    ByteBuffer[] ring = new ByteBuffer[64];
    for (int i = 0; i < 3000 * scale; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(4 + (int) ((i * 2654435761L) % 60000));
      buffer.putInt(0, i).put(buffer.capacity() - 1, (byte) i);
      ring[i % ring.length] = buffer;
      if (i % 500 == 0) {
        for (ByteBuffer held : ring) {
          if (held != null) crc.update(held.duplicate());
        }
      }
    }
    return crc.getValue();
  }

  static String heap(int scale, int salt) throws Exception {
    Map<String, Entry> map = new TreeMap<>();
    for (int i = 0; i < 40000 * scale; i++) {
      String key = "key" + (i * 31 % 9973);
      map.put(key, new Entry(i, key + "-" + salt, new byte[i % 400]));
      if (i % 3 == 0) map.remove("key" + (i * 17 % 9973));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Deflater deflater = new Deflater(6);
    try (DeflaterOutputStream zip = new DeflaterOutputStream(bytes, deflater)) {
      for (Entry entry : map.values()) zip.write((entry.name() + entry.body().length + "\n").getBytes());
    }
    deflater.end();
    CRC32 crc = new CRC32();
    crc.update(bytes.toByteArray());
    return map.size() + " " + Long.toHexString(crc.getValue());
  }

  public static void main(String[] args) throws Exception {
    int scale = Integer.parseInt(args[0]);
    System.out.println("direct " + directBuffers(scale));
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Callable<String>> jobs = new ArrayList<>();
    for (int n = 0; n < 8; n++) {
      int salt = n;
      jobs.add(() -> salt + " " + heap(scale, salt) + " " + directBuffers(1));
    }
    for (Future<String> answer : pool.invokeAll(jobs)) System.out.println(answer.get());
    pool.shutdown();
    for (int n = 0; n < 3; n++) System.gc();
    for (int n = 0; n < 500; n++) {
      Thread thread = new Thread(() -> ByteBuffer.allocateDirect(4096).putInt(0, 1));
      thread.start();
      thread.join();
    }
    System.out.println("end");
  }
}
