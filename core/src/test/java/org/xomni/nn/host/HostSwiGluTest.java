package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostSwiGluTest {
    private static final int SIZE = 100;

    @ParameterizedTest
    @CsvSource({"0, 100", "0, 3", "4, 100", "12, 44", "96, 100", "7, 7"})
    void activatesARangeOfOneRowAndNothingElse(int from, int to) {
        try (HostVector gate = new HostVector(3, SIZE);
                HostVector up = new HostVector(3, SIZE)) {
            for (int row = 0; row < 3; row++) {
                for (int i = 0; i < SIZE; i++) {
                    gate.set(row, i, gate(row, i));
                    up.set(row, i, up(i));
                }
            }
            HostSwiGlu.activate(gate, up, 1, from, to);
            for (int row = 0; row < 3; row++) {
                for (int i = 0; i < SIZE; i++) {
                    float g = gate(row, i);
                    float expected = row == 1 && i >= from && i < to ? (float) (g / (1 + Math.exp(-g)) * up(i)) : g;
                    assertThat(gate.get(row, i)).as("row %d, element %d", row, i).isCloseTo(expected, within(1e-6f * Math.max(1, Math.abs(expected))));
                }
            }
        }
    }

    private static float gate(int row, int i) {
        return (float) (12 * Math.sin(1 + row + 0.7 * i));
    }

    private static float up(int i) {
        return (float) Math.cos(0.3 * i);
    }
}
