package org.xomni.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The process's standard streams, as the launcher hands them over. */
final class Terminal {
    private static final int STDERR = 2;
    private static final Output OUT = new Output();

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
        System.setOut(new PrintStream(OUT, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    }

    /** Why something that was written to stdout is lost, or null; a reader who went away, as {@code head} does, has what he wanted. */
    static @Nullable String lost() {
        System.out.flush();
        IOException problem = OUT.problem;
        return problem == null || "Broken pipe".equals(problem.getMessage()) ? null : problem.getMessage();
    }

    /** stdout, which remembers why writing failed: a {@link PrintStream} keeps that to itself. */
    private static final class Output extends OutputStream {
        private final OutputStream to = new FileOutputStream(FileDescriptor.out);
        private volatile @Nullable IOException problem;

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            try {
                to.write(bytes, from, length);
            } catch (IOException e) {
                problem = e;
                throw e;
            }
        }
    }

    /** Ends the process here and now: neither hooks run nor what native libraries do at the end, which some cannot stand while they are being loaded. */
    static void end(int code) {
        call("_exit", code);
        Runtime.getRuntime().halt(code);
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
