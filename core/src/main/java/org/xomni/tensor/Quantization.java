package org.xomni.tensor;

/** How the weights of linear layers are held in memory. */
public enum Quantization {
    /** As the numerics say. */
    NONE,
    /** Weight-only int8: each output row has one fp32 scale, {@code w ~ scale * q} with q in -127..127. */
    INT8;

    /**
     * The quantisation a user names: {@code none} or {@code int8}.
     *
     * @throws InputException for any other name
     */
    public static Quantization named(String name) {
        return switch (name) {
            case "none" -> NONE;
            case "int8" -> INT8;
            default -> throw new InputException("quantisation '" + name + "' is not known; use int8 or none");
        };
    }
}
