package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import java.util.List;
import org.xomni.tensor.ConfigFile;

/**
 * The {@code scheduler_config.json} ({@code FlowMatchEulerDiscreteScheduler}).
 *
 * @param numTrainTimesteps the timestep that stands for pure noise
 * @param useDynamicShifting whether the shift depends on the number of image positions, by {@code exp(mu)}, rather than being {@code shift}
 * @param shift how far noise levels are moved up, where they are not dynamic
 * @param baseShift mu at {@code baseImageSeqLen} positions
 * @param maxShift mu at {@code maxImageSeqLen} positions; linear in between and beyond
 * @param baseImageSeqLen see there
 * @param maxImageSeqLen see there
 */
public record SchedulerConfig(
        int numTrainTimesteps,
        boolean useDynamicShifting,
        double shift,
        double baseShift,
        double maxShift,
        int baseImageSeqLen,
        int maxImageSeqLen) {
    private static final String WHAT = "the scheduler";

    public SchedulerConfig {
        inRange(WHAT, "num_train_timesteps", numTrainTimesteps, 1, 1_000_000);
        inRange(WHAT, "shift", shift, 1e-3, 1e3);
        inRange(WHAT, "base_shift", baseShift, -10, 10);
        inRange(WHAT, "max_shift", maxShift, -10, 10);
        inRange(WHAT, "base_image_seq_len", baseImageSeqLen, 0, 1 << 24);
        inRange(WHAT, "max_image_seq_len", maxImageSeqLen, baseImageSeqLen + 1.0, 1 << 25);
    }

    /** Reads {@code scheduler_config.json}; a variant of the algorithm that is not implemented is an error. */
    public static SchedulerConfig of(ConfigFile json) {
        List<String> variants =
                List.of("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "invert_sigmas", "stochastic_sampling");
        for (String name : variants) {
            if (json.flag(name, false)) {
                throw invalid(WHAT, name + " is true, expected false");
            }
        }
        if (json.has("shift_terminal")) {
            throw invalid(WHAT, "shift_terminal is " + json.number("shift_terminal") + ", expected null");
        }
        if (!json.text("time_shift_type", "exponential").equals("exponential")) {
            throw invalid(WHAT, "time_shift_type is " + json.text("time_shift_type", "") + ", expected exponential");
        }
        return new SchedulerConfig(
                json.integer("num_train_timesteps", 1000),
                json.flag("use_dynamic_shifting", false),
                json.number("shift", 1),
                json.number("base_shift", 0.5),
                json.number("max_shift", 1.15),
                json.integer("base_image_seq_len", 256),
                json.integer("max_image_seq_len", 4096));
    }
}
