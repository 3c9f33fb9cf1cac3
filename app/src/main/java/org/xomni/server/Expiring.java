package org.xomni.server;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Things in memory under names that nobody can guess, for a while and up to a total weight; the oldest go first. Safe for many threads. */
final class Expiring<V> {
    private static final int ID_BYTES = 16;

    private final Duration life;
    private final long most;
    private final ToLongFunction<V> weight;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, Entry<V>> entries = new LinkedHashMap<>();
    private long total;

    private record Entry<V>(V value, long weight, long end) {}

    Expiring(Duration life, long most, ToLongFunction<V> weight) {
        this.life = life;
        this.most = most;
        this.weight = weight;
    }

    /** Keeps a value and gives its name: {@code prefix} and 32 hexadecimal digits. */
    synchronized String keep(String prefix, V value) {
        byte[] bytes = new byte[ID_BYTES];
        random.nextBytes(bytes);
        String id = prefix + HexFormat.of().formatHex(bytes);
        Entry<V> entry = new Entry<>(value, weight.applyAsLong(value), System.nanoTime() + life.toNanos());
        entries.put(id, entry);
        total += entry.weight();
        makeRoom();
        return id;
    }

    /** The value, or null if it is gone or never was. */
    synchronized @Nullable V find(String id) {
        makeRoom();
        Entry<V> entry = entries.get(id);
        return entry == null ? null : entry.value();
    }

    private void makeRoom() {
        Iterator<Entry<V>> oldest = entries.values().iterator();
        while (oldest.hasNext()) {
            Entry<V> entry = oldest.next();
            if (total <= most && System.nanoTime() - entry.end() < 0) {
                return;
            }
            oldest.remove();
            total -= entry.weight();
        }
    }
}
