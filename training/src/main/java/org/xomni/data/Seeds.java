package org.xomni.data;

/**
 * Random numbers that are computed instead of drawn: the same values give the same number on any thread and in any order. Whoever needs
 * chance for "sample i of seed s" mixes s, i and a number of its own, and two users with different numbers see unrelated chance.
 */
public final class Seeds {
    /** 2^64 divided by the golden ratio: the step of SplitMix64. */
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private Seeds() {}

    /** All values, in this order, as one number whose 64 bits are evenly distributed (SplitMix64; Steele, Lea and Flood 2014). */
    public static long mix(long... values) {
        long state = GOLDEN ^ values.length;
        for (long value : values) {
            state = scramble(state + GOLDEN ^ scramble(value + GOLDEN));
        }
        return state;
    }

    /** The upper 53 bits of {@link #mix} as a number in [0, 1). */
    public static double unit(long... values) {
        return (mix(values) >>> 11) * 0x1.0p-53;
    }

    /** The finaliser of SplitMix64: a bijection in which each bit of the result depends on each bit of the value. */
    private static long scramble(long value) {
        long z = (value ^ value >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}
