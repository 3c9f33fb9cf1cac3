package org.xomni.cli;

import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Numbers of the command line, whose faults are told in the user's words. */
final class Numbers {
    private Numbers() {}

    static void register(CommandLine line) {
        ITypeConverter<Integer> whole = read(Integer::valueOf, "no whole number between " + Integer.MIN_VALUE + " and " + Integer.MAX_VALUE);
        ITypeConverter<Long> wide = read(Long::valueOf, "no whole number between " + Long.MIN_VALUE + " and " + Long.MAX_VALUE);
        ITypeConverter<Double> decimal = read(Double::valueOf, "no number such as 0.5");
        line.registerConverter(int.class, whole);
        line.registerConverter(Integer.class, whole);
        line.registerConverter(long.class, wide);
        line.registerConverter(Long.class, wide);
        line.registerConverter(double.class, decimal);
        line.registerConverter(Double.class, decimal);
    }

    private static <T> ITypeConverter<T> read(Function<String, T> parser, String fault) {
        return text -> {
            try {
                return parser.apply(text);
            } catch (NumberFormatException e) {
                throw new TypeConversionException("'" + text + "' is " + fault);
            }
        };
    }
}
