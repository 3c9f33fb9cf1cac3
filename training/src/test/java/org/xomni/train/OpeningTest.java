package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OpeningTest {
    private final List<String> closed = new ArrayList<>();

    @Test
    void whatIsOpenIsClosedInReverseWhenALaterPartFails() {
        assertThatThrownBy(() -> {
            try (Opening opening = new Opening()) {
                AutoCloseable first = opening.add(() -> closed.add("first"));
                AutoCloseable second = opening.add(() -> {
                    closed.add("second");
                    throw new IllegalStateException("stuck");
                });
                assertThat(first).isNotSameAs(second);
                throw new IllegalArgumentException("no third");
            }
        }).isInstanceOf(IllegalArgumentException.class).hasSuppressedException(new IllegalStateException("stuck"));
        assertThat(closed).containsExactly("second", "first");
    }

    @Test
    void whatIsDoneIsItsOwners() {
        try (Opening opening = new Opening()) {
            AutoCloseable part = opening.add(() -> closed.add("part"));
            assertThat(opening.done(part)).isSameAs(part);
        }
        assertThat(closed).isEmpty();
    }
}
