package org.xomni.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Ctrl-C, or any other request to end the process, as a question that long work asks itself between two steps. The process lives until the work
 * has ended, so what it still writes is whole.
 *
 * <p>Signals are handled here rather than by a shutdown hook: hooks run side by side, and ONNX Runtime has one that takes its memory away from whoever still reads
 * a picture, which ended the process with a segmentation fault in the middle of a step.
 */
final class Interrupt implements AutoCloseable {
    private static final List<String> SIGNALS = List.of("INT", "TERM", "HUP");
    /** Added to a signal's number: what shells say of a process that it has ended. */
    private static final int ENDED_BY_SIGNAL = 128;

    private final Map<Signal, SignalHandler> before = new LinkedHashMap<>();
    private final Runnable action;
    private volatile @Nullable Signal asked;

    private Interrupt(Runnable action) {
        this.action = action;
    }

    /** Ends the process at once when it is asked to: for work that has nothing to finish. */
    static void endAtOnce() {
        handle(signal -> Terminal.end(ENDED_BY_SIGNAL + signal.getNumber()));
    }

    /** Listens from now on until it is closed. */
    static Interrupt listen() {
        return listen(() -> {});
    }

    /** Listens, and does something at once when it comes. */
    static Interrupt listen(Runnable action) {
        Interrupt interrupt = new Interrupt(action);
        interrupt.before.putAll(handle(interrupt::hear));
        return interrupt;
    }

    /** Returns the handlers that were there. */
    private static Map<Signal, SignalHandler> handle(SignalHandler handler) {
        Map<Signal, SignalHandler> before = new LinkedHashMap<>();
        for (String name : SIGNALS) {
            try {
                Signal signal = new Signal(name);
                before.put(signal, Signal.handle(signal, handler));
            } catch (IllegalArgumentException e) {
                // Unknown to this system, or the JVM was told to keep it (-Xrs).
            }
        }
        return before;
    }

    private void hear(Signal signal) {
        asked = signal;
        action.run();
    }

    /** Whether the process was asked to end. */
    boolean asked() {
        return asked != null;
    }

    /** What the process should end with: 0 if it was not asked to end. */
    int exitCode() {
        Signal signal = asked;
        return signal == null ? 0 : ENDED_BY_SIGNAL + signal.getNumber();
    }

    /** Listens no longer. */
    @Override
    public void close() {
        before.forEach(Signal::handle);
    }
}
