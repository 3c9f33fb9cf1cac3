package org.xomni.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The process's standard streams, as the launcher hands them over. */
final class Terminal {
    private static final int STDERR = 2;

    private Terminal() {}

    /**
     * Puts the real stderr, which the launcher kept as another descriptor while the JVM announced its incubating module, back in its place; and
     * makes both streams write UTF-8, whatever the locale.
     */
    static void takeOver() {
        Integer kept = Integer.getInteger("xomni.stderr");
        if (kept != null) {
            call("dup2", kept, STDERR);
        }
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    }

    /** Whether somebody watches stderr. */
    static boolean stderrIsTerminal() {
        return call("isatty", STDERR) == 1;
    }

    /** A C function of ints; -1 where there is none. */
    private static int call(String function, int... arguments) {
        var linker = Linker.nativeLinker();
        var symbol = linker.defaultLookup().find(function);
        if (symbol.isEmpty()) {
            return -1;
        }
        var layouts = new ValueLayout[arguments.length];
        Arrays.fill(layouts, ValueLayout.JAVA_INT);
        try {
            Object[] boxed = Arrays.stream(arguments).boxed().toArray();
            return (int) linker.downcallHandle(symbol.get(), FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts)).invokeWithArguments(boxed);
        } catch (Throwable e) {
            throw new IllegalStateException("calling " + function + " failed", e);
        }
    }
}
