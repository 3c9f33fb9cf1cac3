package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.Fixtures;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import tools.jackson.databind.JsonNode;

class FlowMatchSchedulerTest {
    static final Iterable<String> FIXTURES = Fixtures.ALL;

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void schedulesAreTheReferences(String fixture) {
        ConfigFile file = ConfigFile.read(Fixtures.flux(fixture).resolve("scheduler/scheduler_config.json"));
        FlowMatchScheduler scheduler = new FlowMatchScheduler(SchedulerConfig.of(file));
        for (JsonNode golden : Fixtures.golden(fixture).path("scheduler")) {
            int positions = golden.path("image_seq_len").intValue();
            FlowMatchScheduler.Schedule schedule = scheduler.schedule(golden.path("steps").intValue(), positions);

            assertThat(scheduler.mu(positions)).isCloseTo(golden.path("mu").doubleValue(), within(1e-12));
            assertThat(schedule.sigmas()).hasSize(golden.path("sigmas").size());
            for (int i = 0; i <= schedule.steps(); i++) {
                assertThat((double) schedule.sigmas()[i]).isCloseTo(golden.path("sigmas").path(i).doubleValue(), within(1e-6));
            }
            for (int i = 0; i < schedule.steps(); i++) {
                assertThat((double) schedule.timestep(i)).isCloseTo(golden.path("timesteps").path(i).doubleValue(), within(1e-3));
            }
        }
    }

    @Test
    void aFixedShiftMovesEvenLevelsUp() {
        FlowMatchScheduler scheduler = new FlowMatchScheduler(new SchedulerConfig(1000, false, 3, 0.5, 1.15, 256, 4096));

        assertThat(scheduler.schedule(2, 100).sigmas()).containsExactly(1f, 0.75f, 0f);
    }

    @Test
    void stepsMustBePositiveAndFew() {
        FlowMatchScheduler scheduler = new FlowMatchScheduler(new SchedulerConfig(1000, false, 3, 0.5, 1.15, 256, 4096));

        assertThatThrownBy(() -> scheduler.schedule(0, 100)).isInstanceOf(InputException.class).hasMessageContaining("--steps 0");
        assertThatThrownBy(() -> scheduler.schedule(10_001, 100)).isInstanceOf(InputException.class).hasMessageContaining("10001");
    }
}
