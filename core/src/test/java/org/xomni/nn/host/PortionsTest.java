package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.Team;

class PortionsTest {
    /** Small ones, split evenly, and large ones, piece by piece; one thread and several; again after a restart. */
    @ParameterizedTest
    @CsvSource({"1,10,1000", "3,10,1000", "3,1001,100000000", "2,7,100000000", "4,4096,1000000", "3,1,100000000"})
    void everyRowIsHandedOutOnce(int threads, int rows, long bytes) {
        Portions portions = new Portions(threads, 2);
        try (Team team = new Team(threads)) {
            for (int round = 0; round < 50; round++) {
                AtomicIntegerArray done = new AtomicIntegerArray(2 * rows);
                portions.restart();
                team.run(part -> {
                    for (int product = 0; product < 2; product++) {
                        int first = product * rows;
                        portions.each(product, part, rows, bytes, HostMatrix.BLOCK, (from, to) -> {
                            for (int row = from; row < to; row++) {
                                done.incrementAndGet(first + row);
                            }
                        });
                    }
                });
                for (int i = 0; i < done.length(); i++) {
                    assertThat(done.get(i)).as("row " + i).isEqualTo(1);
                }
            }
        }
    }
}
