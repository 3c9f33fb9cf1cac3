package org.xomni.train;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Things that are opened one after the other and belong together: when a later one cannot be opened, those before are closed.
 *
 * <pre>
 * try (Opening opening = new Opening()) {
 *     A a = opening.add(A.open());
 *     B b = opening.add(B.open());
 *     return opening.done(new Both(a, b));
 * }
 * </pre>
 */
public final class Opening implements AutoCloseable {
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    /** Takes over what was opened until all is {@link #done}. */
    public <T extends AutoCloseable> T add(T one) {
        opened.push(one);
        return one;
    }

    /** Leaves all to {@code owner}. */
    public <T> T done(T owner) {
        opened.clear();
        return owner;
    }

    /** Closes what is not done, the newest first. */
    @Override
    public void close() {
        RuntimeException first = null;
        while (!opened.isEmpty()) {
            first = close(opened.pop(), first);
        }
        if (first != null) {
            throw first;
        }
    }

    private static @Nullable RuntimeException close(AutoCloseable one, @Nullable RuntimeException before) {
        try {
            one.close();
            return before;
        } catch (Exception e) {
            RuntimeException failed = e instanceof RuntimeException known ? known : new IllegalStateException(one + " cannot be closed", e);
            if (before == null) {
                return failed;
            }
            before.addSuppressed(failed);
            return before;
        }
    }
}
