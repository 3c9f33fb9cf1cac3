package org.xomni.rl;

import java.nio.file.Path;
import org.xomni.tensor.Engine;
import org.xomni.train.RunListener;
import org.xomni.train.Training;

/** Starts reinforcement learning from its recipe: {@code xomni train grpo}. */
public final class GrpoTraining {
    /** Its name among the stages. */
    public static final String STAGE = "grpo";

    private GrpoTraining() {}

    /**
     * Trains to the end.
     *
     * @param recipe a YAML file, see {@link GrpoRecipe}
     * @param run the run's folder, made if there is none
     * @param resume whether to go on where the run was stopped
     * @param device {@code cpu}, {@code cuda} or {@code cuda:i}: where the models are
     * @throws org.xomni.tensor.InputException if the recipe is not one of this stage
     */
    public static void run(Path recipe, Path run, boolean resume, String device, RunListener listener) {
        Engine.keepFreedMemory();
        GrpoRecipe r = Training.read(recipe, GrpoRecipe.class, run, resume);
        try (GrpoParts parts = GrpoParts.open(recipe, r, device)) {
            parts.loop(r).run(run, resume, listener);
        }
    }
}
