package org.xomni.rl.reward;

import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.SequenceEncoder;
import org.xomni.ocr.TextReader;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.train.Default;

/** A reward as a recipe says it. */
public sealed interface RewardRecipe {

    /** Makes the reward. */
    Reward open(Models models);

    /** Its name in metrics when the recipe gives none. */
    String name();

    /**
     * What rewards may need of the run. Models stay the caller's.
     *
     * @param encoder writes dialogues as the model reads them
     */
    record Models(UnifiedModel policy, UnifiedModel reference, Supplier<SequenceEncoder> encoder) {}

    /**
     * A term of the sum.
     *
     * @param name in metrics; by default that of its kind
     * @param timeout seconds for all pictures of a step, or none
     */
    record Entry(
            @Nullable String name,
            double weight,
            @Default("none") Scale scale,
            @Nullable Double timeout,
            @Default("stop") OnFailure onFailure,
            RewardRecipe reward) {
        public Entry {
            if (!Double.isFinite(weight) || weight == 0 || timeout != null && !(timeout > 0)) {
                throw new InputException("weight " + weight + " must be a number other than 0, and timeout " + timeout + " above 0 seconds");
            }
            if (name != null && !name.matches("[a-z][a-z0-9_]*")) {
                throw new InputException("name '" + name + "' cannot stand in metrics; use small letters, digits and _");
            }
        }

        /** Its name in metrics. */
        public String named() {
            return name == null ? reward.name() : name;
        }

        WeightedReward open(Models models) {
            Duration limit = timeout == null ? null : Duration.ofMillis(Math.round(timeout * 1e3));
            return new WeightedReward(named(), reward.open(models), weight, scale, limit, onFailure);
        }
    }

    /** Makes all rewards of a recipe. */
    static Rewards open(List<Entry> entries, Models models) {
        return new Rewards(entries.stream().map(e -> e.open(models)).toList());
    }

    /**
     * {@link OcrAccuracy}.
     *
     * @param likelihood share of the smoother part, 0 to 1
     * @param threads pictures that are read at once; never fewer than operations use threads
     */
    record Ocr(@Default("0.3") double likelihood, @Default("1") int threads) implements RewardRecipe {
        public Ocr {
            OcrAccuracy.check(likelihood, threads);
        }

        @Override
        public Reward open(Models models) {
            return new OcrAccuracy(new TextReader(), likelihood, Math.max(threads, Engine.threads()));
        }

        @Override
        public String name() {
            return "ocr";
        }
    }

    /**
     * {@link SignsFidelity}.
     *
     * @param whole share of what only a picture gets in which everything is right, 0 to 1
     * @param textPlace whether the height of text counts
     */
    record Signs(@Default("0") double whole, @Default("false") boolean textPlace) implements RewardRecipe {
        public Signs {
            SignsFidelity.check(whole);
        }

        @Override
        public Reward open(Models models) {
            return new SignsFidelity(whole, textPlace, Engine.threads());
        }

        @Override
        public String name() {
            return "signs";
        }
    }

    /** Who judges in {@link Self}. */
    enum Judge {
        /** The frozen model, which stays what it was. */
        REFERENCE,
        /** The model as it is, which may talk itself into anything. */
        POLICY
    }

    /**
     * {@link SelfReward}.
     *
     * @param question about the picture, to which the prompt is the answer
     * @param rows pictures scored together
     */
    record Self(@Default("reference") Judge judge, @Default("Describe the picture.") String question, @Default("8") int rows)
            implements RewardRecipe {
        public Self {
            if (rows < 1 || question.isBlank()) {
                throw new InputException("rows " + rows + " must be at least 1 and the question not empty");
            }
        }

        @Override
        public Reward open(Models models) {
            return new SelfReward(judge == Judge.REFERENCE ? models.reference() : models.policy(), models.encoder().get(), question, rows);
        }

        @Override
        public String name() {
            return "self";
        }
    }

    /** The answer ends with a number, which "/10" or "out of 10" may follow: neither a denominator nor the end of a range is taken for it. */
    String NUMBER_AT_THE_END = "'(?s)(?:^|[^\\d./-])(\\d+(?:\\.\\d+)?)(?:\\s*(?:/|out of)\\s*\\d+)?[\\s.*]*$'";

    /**
     * {@link VisionChat}.
     *
     * @param url of the chat completions: {@code http://localhost:8000/v1/chat/completions}
     * @param keyVariable name of the environment variable that holds the bearer token, or none
     */
    record Vision(
            String url,
            String model,
            @Default("\"Does this picture show: {prompt}? Answer with a number from 0 (not at all) to 10 (in every detail), and nothing else.\"") String question,
            @Default(NUMBER_AT_THE_END) String score,
            @Default("0") double least,
            @Default("10") double most,
            @Default("64") int maxTokens,
            @Default("4") int parallel,
            @Default("60") double timeout,
            @Default("4") int attempts,
            @Default("1") double pause,
            @Nullable String keyVariable)
            implements RewardRecipe {
        public Vision {
            VisionChat.check(url, score);
            Object unused = new VisionChat.Form(model, question, score, least, most, maxTokens, parallel);
            Object alsoUnused = new JsonHttp.Patience(timeout, attempts, pause);
        }

        @Override
        public Reward open(Models models) {
            return new VisionChat(url, key(keyVariable), new VisionChat.Form(model, question, score, least, most, maxTokens, parallel),
                    new JsonHttp.Patience(timeout, attempts, pause));
        }

        @Override
        public String name() {
            return "vision";
        }
    }

    /**
     * {@link ScoreServer}.
     *
     * @param field of the answer that has the scores
     * @param keyVariable name of the environment variable that holds the bearer token, or none
     */
    record Server(
            String url,
            @Default("scores") String field,
            @Default("16") int batch,
            @Default("60") double timeout,
            @Default("4") int attempts,
            @Default("1") double pause,
            @Nullable String keyVariable)
            implements RewardRecipe {
        public Server {
            JsonHttp.check(url);
            Object unused = new JsonHttp.Patience(timeout, attempts, pause);
            ScoreServer.check(batch);
        }

        @Override
        public Reward open(Models models) {
            return new ScoreServer(url, key(keyVariable), field, batch, new JsonHttp.Patience(timeout, attempts, pause));
        }

        @Override
        public String name() {
            return "server";
        }
    }

    private static @Nullable String key(@Nullable String variable) {
        if (variable == null) {
            return null;
        }
        String value = System.getenv(variable);
        if (value == null || value.isBlank()) {
            throw new InputException("the environment variable " + variable + " is not set; set it to the server's key, or leave key-variable out");
        }
        return value;
    }
}
