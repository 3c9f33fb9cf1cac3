package org.xomni.nn.host;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.xomni.tensor.Team;

/**
 * Hands the rows of matrices out to the threads of a team. Rows of a large matrix go out piece by piece, large pieces first, to whoever comes: a
 * thread that is held up does not hold up the others. A small matrix is split evenly, as asking would take longer than it saves.
 */
public final class Portions {
    /** Bytes of weights that are worth asking for. */
    private static final long PIECE = 64 << 10;

    private final int parts;
    private final AtomicIntegerArray next;

    /** What to do with rows from..to-1. */
    @FunctionalInterface
    public interface Body {
        void rows(int from, int to);
    }

    /**
     * @param parts threads of the team
     * @param products most numbers of products between two {@link #restart}
     */
    public Portions(int parts, int products) {
        this.parts = parts;
        this.next = new AtomicIntegerArray(products);
    }

    /** Everything can be handed out again. No thread may be asking meanwhile. */
    public void restart() {
        for (int i = 0; i < next.length(); i++) {
            next.set(i, 0);
        }
    }

    /**
     * Does a thread's part of a product. Every thread of the team calls it once for each product.
     *
     * @param product its number
     * @param part the thread's
     * @param matrix whose rows they are
     */
    public void each(int product, int part, HostMatrix matrix, Body body) {
        each(product, part, matrix.rows(), matrix.bytes(), matrix.block(), body);
    }

    void each(int product, int part, int rows, long bytes, int block, Body body) {
        if (parts == 1) {
            body.rows(0, rows);
        } else if (bytes <= 2 * PIECE * parts) {
            body.rows(Team.from(part, parts, rows, block), Team.from(part + 1, parts, rows, block));
        } else {
            int least = (int) (PIECE * rows / bytes) + 1;
            for (int from = next.get(product); from < rows; from = next.get(product)) {
                int some = Math.max(least, (rows - from) / (2 * parts));
                int to = Math.min(rows, from + (some + block - 1) / block * block);
                if (next.compareAndSet(product, from, to)) {
                    body.rows(from, to);
                }
            }
        }
    }
}
