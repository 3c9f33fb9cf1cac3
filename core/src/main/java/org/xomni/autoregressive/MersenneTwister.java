package org.xomni.autoregressive;

/**
 * MT19937 (Matsumoto and Nishimura 1998) as libtorch's CPU generator seeds and reads it: the doubles of {@code torch.manual_seed(seed);
 * torch.empty(n, dtype=float64).uniform_()}. A row draws one for every entry of both vocabularies and looks at few: a number that nobody looks at costs next
 * to nothing here.
 */
final class MersenneTwister {
    private static final int SIZE = 624;
    private static final int SHIFT = 397;
    private static final int TWIST = 0x9908B0DF;
    /** Of two outputs the lower 53 bits make a double. */
    private static final long MANTISSA = (1L << 53) - 1;

    private int[] state = new int[SIZE];
    private int[] before = new int[SIZE];
    /** Outputs of this state that have been given. */
    private int given = SIZE;
    /** Untempered outputs of {@link #next}, two for each number. */
    private int[] outputs = new int[0];

    MersenneTwister(long seed) {
        state[0] = (int) seed;
        for (int i = 1; i < SIZE; i++) {
            state[i] = 1812433253 * (state[i - 1] ^ state[i - 1] >>> 30) + i;
        }
    }

    /** Draws {@code count} numbers, of which {@link #uniform} has those from..to-1. */
    void next(int count, int from, int to) {
        if (outputs.length < 2 * (to - from)) {
            outputs = new int[2 * (to - from)];
        }
        for (int i = 0; i < 2 * count; ) {
            if (given == SIZE) {
                twist();
                given = 0;
            }
            int some = Math.min(SIZE - given, 2 * count - i);
            int begin = Math.max(i, 2 * from);
            int end = Math.min(i + some, 2 * to);
            if (begin < end) {
                System.arraycopy(state, given + begin - i, outputs, begin - 2 * from, end - begin);
            }
            given += some;
            i += some;
        }
    }

    /** The number at {@code from + i} of those drawn last, in [0, 1). */
    double uniform(int i) {
        long bits = (long) temper(outputs[2 * i]) << 32 | temper(outputs[2 * i + 1]) & 0xFFFFFFFFL;
        return (bits & MANTISSA) * 0x1p-53;
    }

    /** Two arrays instead of one, so that the loops are made of vectors. */
    private void twist() {
        int[] old = state;
        int[] now = before;
        for (int i = 0; i < SIZE - SHIFT; i++) {
            now[i] = old[i + SHIFT] ^ mixed(old[i], old[i + 1]);
        }
        for (int i = SIZE - SHIFT; i < SIZE - 1; i++) {
            now[i] = now[i + SHIFT - SIZE] ^ mixed(old[i], old[i + 1]);
        }
        now[SIZE - 1] = now[SHIFT - 1] ^ mixed(old[SIZE - 1], now[0]);
        before = old;
        state = now;
    }

    private static int mixed(int upper, int lower) {
        return (upper & 0x80000000 | lower & 0x7FFFFFFF) >>> 1 ^ -(lower & 1) & TWIST;
    }

    private static int temper(int y) {
        int x = y ^ y >>> 11;
        x ^= x << 7 & 0x9D2C5680;
        x ^= x << 15 & 0xEFC60000;
        return x ^ x >>> 18;
    }
}
