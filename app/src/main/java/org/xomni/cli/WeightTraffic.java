package org.xomni.cli;

import java.util.Map;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;

/** How much of the machine's memory bandwidth a bench's passes over the weights take, if each reads every weight once. */
final class WeightTraffic {
    private WeightTraffic() {}

    /** Bytes that so many weights take as they are held. */
    static long bytes(double weights, Numerics numerics) {
        return (long) weights * (numerics.quantization() == Quantization.INT8 ? 1 : numerics.weights().bytes());
    }

    /**
     * Adds {@code weight_bytes_per_token}, {@code achieved_gbs} and, where {@code read_bandwidth_gbs} has been measured, their quotient.
     *
     * @param bytes of all weights of a pass
     * @param passes over them that all tokens together take
     * @param tokens that they serve
     * @param seconds that they take
     */
    static void put(Map<String, Object> line, long bytes, double passes, long tokens, double seconds) {
        line.put("weight_bytes_per_token", (long) (bytes * passes / tokens));
        double achieved = bytes * passes / seconds / 1e9;
        line.put("achieved_gbs", Stopwatch.round(achieved));
        if (line.get("read_bandwidth_gbs") instanceof Double limit) {
            line.put("share_of_read_bandwidth", Stopwatch.round(achieved / limit));
        }
    }
}
