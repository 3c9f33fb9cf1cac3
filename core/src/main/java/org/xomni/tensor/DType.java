package org.xomni.tensor;

import org.bytedeco.pytorch.global.torch.ScalarType;

/** Element types that checkpoints store. {@code safetensors} and {@code torch} are the names in those two file formats. */
public enum DType {
    FLOAT64("F64", "DoubleStorage", 8, ScalarType.Double),
    FLOAT32("F32", "FloatStorage", 4, ScalarType.Float),
    FLOAT16("F16", "HalfStorage", 2, ScalarType.Half),
    BFLOAT16("BF16", "BFloat16Storage", 2, ScalarType.BFloat16),
    INT64("I64", "LongStorage", 8, ScalarType.Long),
    INT32("I32", "IntStorage", 4, ScalarType.Int),
    INT16("I16", "ShortStorage", 2, ScalarType.Short),
    INT8("I8", "CharStorage", 1, ScalarType.Char),
    UINT8("U8", "ByteStorage", 1, ScalarType.Byte),
    BOOL("BOOL", "BoolStorage", 1, ScalarType.Bool);

    private final String safetensorsName;
    private final String storageName;
    private final int bytes;
    private final ScalarType scalarType;

    DType(String safetensorsName, String storageName, int bytes, ScalarType scalarType) {
        this.safetensorsName = safetensorsName;
        this.storageName = storageName;
        this.bytes = bytes;
        this.scalarType = scalarType;
    }

    /** The name in a safetensors header, {@code "BF16"}. */
    public String safetensorsName() {
        return safetensorsName;
    }

    /** The storage class in a {@code torch.save} archive, {@code "BFloat16Storage"}. */
    public String storageName() {
        return storageName;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** libtorch's name for this type. */
    public ScalarType scalarType() {
        return scalarType;
    }

    public boolean isFloat() {
        return this == FLOAT64 || this == FLOAT32 || this == FLOAT16 || this == BFLOAT16;
    }

    /**
     * The type that a user or a config names: {@code float32}, {@code bfloat16}, {@code float16}.
     *
     * @throws InputException for any other name
     */
    public static DType named(String name) {
        return switch (name) {
            case "float32", "fp32" -> FLOAT32;
            case "bfloat16", "bf16" -> BFLOAT16;
            case "float16", "fp16" -> FLOAT16;
            default -> throw new InputException("dtype '" + name + "' is not known; use float32, bfloat16 or float16");
        };
    }

    static DType of(ScalarType type) {
        for (DType d : values()) {
            if (d.scalarType.value == type.value) {
                return d;
            }
        }
        throw new IllegalArgumentException("no stored form for " + type);
    }
}
