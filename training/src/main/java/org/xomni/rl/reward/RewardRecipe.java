package org.xomni.rl.reward;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.SequenceEncoder;
import org.xomni.ocr.TextReader;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.train.Default;
import org.xomni.train.Opening;

/** A reward as a recipe says it. */
public sealed interface RewardRecipe {

    /** Makes the reward. */
    Reward open(Run run);

    /** Its name in metrics when the recipe gives none. */
    String name();

    /**
     * What is not there that it needs, such as the key of a server.
     *
     * @param folder the recipe's
     */
    default List<String> missing(Path folder) {
        return List.of();
    }

    /**
     * What rewards may need of the run. Models stay the caller's.
     *
     * @param folder the recipe's, from which paths of rewards begin
     * @param encoder writes dialogues as the model reads them
     */
    record Run(Path folder, UnifiedModel policy, UnifiedModel reference, Supplier<SequenceEncoder> encoder) {}

    /**
     * A term of the sum.
     *
     * @param name in metrics; by default that of its kind
     * @param timeout seconds of one attempt at all pictures of a step, or none
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

        WeightedReward open(Run run) {
            Duration limit = timeout == null ? null : Duration.ofMillis(Math.round(timeout * 1e3));
            return new WeightedReward(named(), reward.open(run), weight, scale, limit, onFailure);
        }
    }

    /** Makes all rewards of a recipe. */
    static Rewards open(List<Entry> entries, Run run) {
        try (Opening opening = new Opening()) {
            List<WeightedReward> rewards = new ArrayList<>();
            for (Entry entry : entries) {
                WeightedReward opened = entry.open(run);
                opening.add(opened.reward());
                rewards.add(opened);
            }
            return opening.done(new Rewards(rewards));
        }
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
        public Reward open(Run run) {
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
        public Reward open(Run run) {
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
        public Reward open(Run run) {
            return new SelfReward(judge == Judge.REFERENCE ? run.reference() : run.policy(), run.encoder().get(), question, rows);
        }

        @Override
        public String name() {
            return "self";
        }
    }

    /**
     * The last line of the answer is a number, alone or after a colon, "=" or "score is", which "/10" or "out of 10" may follow, where 10 is {@code most}: neither a
     * denominator nor an end of a scale is taken for it.
     */
    String NUMBER_AT_THE_END = "'(?si)(?:^|[\\n:=]|\\b(?:score|rating|answer) is\\b)[\\s*]*(\\d+(?:\\.\\d+)?)(?:\\s*(?:/|out of)\\s*(\\d+))?[\\s.*]*$'";

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
        public Reward open(Run run) {
            return new VisionChat(url, key(keyVariable), new VisionChat.Form(model, question, score, least, most, maxTokens, parallel),
                    new JsonHttp.Patience(timeout, attempts, pause));
        }

        @Override
        public String name() {
            return "vision";
        }

        @Override
        public List<String> missing(Path folder) {
            return missingKey(keyVariable);
        }
    }

    /**
     * {@link ScoreServer}.
     *
     * @param texts what the server is sent of each picture's prompt
     * @param field of the answer that has the scores
     * @param keyVariable name of the environment variable that holds the bearer token, or none
     */
    record Server(
            String url,
            @Default("prompt") ScoreServer.Texts texts,
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
        public Reward open(Run run) {
            return new ScoreServer(url, key(keyVariable), texts, field, batch, new JsonHttp.Patience(timeout, attempts, pause));
        }

        @Override
        public String name() {
            return "server";
        }

        @Override
        public List<String> missing(Path folder) {
            return missingKey(keyVariable);
        }
    }

    private static List<String> missingKey(@Nullable String variable) {
        String value = variable == null ? "none" : System.getenv(variable);
        return value == null || value.isBlank() ? List.of("the environment variable " + variable + ", a server's key") : List.of();
    }

    private static @Nullable String key(@Nullable String variable) {
        return variable == null ? null : key(variable, System.getenv(variable));
    }

    /**
     * A bearer token.
     *
     * @param variable of the environment, for messages
     * @param value of it, or null if it is not set; white space around it does not count, as files that keys come from end with a line feed
     */
    static String key(String variable, @Nullable String value) {
        if (value == null || value.isBlank()) {
            throw new InputException("the environment variable " + variable + " is not set; set it to the server's key, or leave key-variable out");
        }
        String key = value.strip();
        if (!key.matches("[!-~]+")) {
            throw new InputException("the environment variable " + variable + " holds spaces or characters that no key has; set it to the server's key alone");
        }
        return key;
    }
}
