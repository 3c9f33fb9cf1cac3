package org.xomni.rl.reward;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.xomni.rl.reward.ScoreServer.Texts.PROMPT;
import static org.xomni.rl.reward.ScoreServer.Texts.WRITTEN;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.JsonNode;

/** Both protocols against a real server on this machine. */
class RemoteRewardsTest {
    private static final JsonHttp.Patience PATIENT = new JsonHttp.Patience(10, 3, 0.001);

    private final List<JsonNode> asked = Collections.synchronizedList(new ArrayList<>());
    private final List<String> keys = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch untilStopped = new CountDownLatch(1);
    private HttpServer server;
    private volatile boolean stalls;
    private Answer answer = (number, request) -> new Said(500, "no answer was set");

    /** What the server says to its {@code number}-th request, from 1. */
    private interface Answer {
        Said to(int number, JsonNode request) throws IOException;
    }

    private record Said(int status, String body) {}

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory()));
        server.createContext("/", this::handle);
        server.start();
    }

    @AfterEach
    void stop() {
        untilStopped.countDown();
        server.stop(0);
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            JsonNode request = Json.mapper().readTree(exchange.getRequestBody().readAllBytes());
            int number;
            synchronized (asked) {
                asked.add(request);
                number = asked.size();
            }
            keys.add(Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst("Authorization"), ""));
            // A server that does not know how to upgrade may drop the body (uvicorn does).
            Said said = exchange.getRequestHeaders().containsKey("Upgrade") ? new Said(400, "no upgrade") : answer.to(number, request);
            byte[] body = said.body().getBytes(UTF_8);
            exchange.sendResponseHeaders(said.status(), body.length);
            exchange.getResponseBody().write(body, 0, stalls ? 1 : body.length);
            if (stalls) {
                exchange.getResponseBody().flush();
                untilStopped.await();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String url(String path) {
        return "http://" + server.getAddress().getHostString() + ":" + server.getAddress().getPort() + path;
    }

    /** Pictures whose top left red value is their number. */
    private static List<Drawn> drawn(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> {
                    Pixels picture = new Pixels(16, 16);
                    picture.rgb()[0] = (byte) i;
                    Prompt prompt = new Prompt("prompt {text} " + i, 16, 16, Optional.of("WORD " + i), Optional.empty());
                    return new Drawn(prompt, picture, new ImageTokens(1, 1, new int[] {0}));
                })
                .toList();
    }

    private static int numberIn(String base64) {
        return ImageFiles.decode(Base64.getDecoder().decode(base64), "the picture").get(0, 0, 0);
    }

    /** Ten times the number in each picture, plus the length of its text in thousandths. */
    private static String scores(JsonNode request) {
        List<Double> scores = new ArrayList<>();
        for (int i = 0; i < request.path("images").size(); i++) {
            scores.add(10.0 * numberIn(request.path("images").get(i).asString()) + request.path("texts").get(i).asString().length() / 1000.0);
        }
        return Json.mapper().writeValueAsString(Map.of("quality", scores));
    }

    @Test
    void scoresComeInOrderFromBatches() {
        answer = (number, request) -> new Said(200, scores(request));
        try (ScoreServer reward = new ScoreServer(url("/score"), "key", PROMPT, "quality", 3, PATIENT)) {
            assertThat(reward.score(drawn(7))).containsExactly(new double[] {0.015, 10.015, 20.015, 30.015, 40.015, 50.015, 60.015}, within(1e-12));
        }
        assertThat(asked).hasSize(3);
        assertThat(asked.stream().mapToInt(r -> r.path("images").size()).toArray()).containsExactly(3, 3, 1);
        assertThat(keys).containsOnly("Bearer key");
    }

    @Test
    void aServerThatReadsIsSentWhatShallBeWritten() {
        answer = (number, request) -> new Said(200, scores(request));
        try (ScoreServer reward = new ScoreServer(url("/score"), null, WRITTEN, "quality", 8, PATIENT)) {
            assertThat(reward.score(drawn(2))).hasSize(2);
            assertThat(reward.judges(drawn(1).getFirst().prompt())).isTrue();
            assertThat(reward.judges(Prompt.of("a cat", 16, 16))).isFalse();
        }
        assertThat(asked.getFirst().path("texts")).extracting(JsonNode::asString).containsExactly("WORD 0", "WORD 1");
    }

    /** The time for an answer ends with its last byte, not with its headers. */
    @Test
    @Timeout(60)
    void aServerThatStallsInTheMiddleOfAnAnswerFails() {
        stalls = true;
        answer = (number, request) -> new Said(200, scores(request));
        try (ScoreServer reward = new ScoreServer(url("/score"), null, PROMPT, "quality", 8, new JsonHttp.Patience(0.3, 2, 0.001))) {
            assertThatThrownBy(() -> reward.score(drawn(2))).isInstanceOf(XOmniException.class)
                    .hasMessageContaining("2 attempts").hasMessageContaining("no whole answer within 0.3 s");
        }
        assertThat(asked).hasSize(2);
    }

    @Test
    void aBusyServerIsAskedAgain() {
        answer = (number, request) -> number < 3 ? new Said(number == 1 ? 503 : 429, "busy") : new Said(200, scores(request));
        try (ScoreServer reward = new ScoreServer(url("/score"), null, PROMPT, "quality", 8, PATIENT)) {
            assertThat(reward.score(drawn(2))).hasSize(2);
        }
        assertThat(asked).hasSize(3);
    }

    @Test
    void aServerThatStaysBusyFails() {
        answer = (number, request) -> new Said(503, "overloaded, sorry");
        try (ScoreServer reward = new ScoreServer(url("/score"), null, PROMPT, "quality", 8, PATIENT)) {
            assertThatThrownBy(() -> reward.score(drawn(2))).isInstanceOf(XOmniException.class)
                    .hasMessageContaining("3 attempts").hasMessageContaining("503").hasMessageContaining("overloaded, sorry");
        }
    }

    @Test
    void aRefusalIsNotRepeated() {
        answer = (number, request) -> new Said(400, "no such thing");
        try (ScoreServer reward = new ScoreServer(url("/score"), null, PROMPT, "quality", 8, PATIENT)) {
            assertThatThrownBy(() -> reward.score(drawn(2))).isInstanceOf(XOmniException.class).hasMessageContaining("400");
        }
        assertThat(asked).hasSize(1);
    }

    @Test
    void nobodyListening() {
        String gone = url("/score");
        server.stop(0);
        try (ScoreServer reward = new ScoreServer(gone, null, PROMPT, "quality", 8, PATIENT)) {
            assertThatThrownBy(() -> reward.score(drawn(1))).isInstanceOf(XOmniException.class).hasMessageContaining("see that the server runs");
        }
    }

    @Test
    void scoresThatAreMissingOrNoNumbersFailLoudly() {
        Rewards rewards = new Rewards(List.of(new WeightedReward(
                "quality", new ScoreServer(url("/score"), null, PROMPT, "quality", 8, PATIENT), 1, new Scale.None(), null, new OnFailure.Stop())));
        try (rewards) {
            answer = (number, request) -> new Said(200, "{\"quality\": [1.0]}");
            assertThatThrownBy(() -> rewards.score(drawn(2), 2)).isInstanceOf(RewardFailed.class).hasMessageContaining("1 numbers in 'quality', expected 2");
            answer = (number, request) -> new Said(200, "{\"other\": [1.0, 2.0]}");
            assertThatThrownBy(() -> rewards.score(drawn(2), 2)).isInstanceOf(RewardFailed.class).hasMessageContaining("no list in 'quality'");
            answer = (number, request) -> new Said(200, "{\"quality\": [1.0, null]}");
            assertThatThrownBy(() -> rewards.score(drawn(2), 2)).isInstanceOf(RewardFailed.class).hasMessageContaining("picture 2 of 2").hasMessageContaining("NaN");
            answer = (number, request) -> new Said(200, "<html>");
            assertThatThrownBy(() -> rewards.score(drawn(2), 2)).isInstanceOf(RewardFailed.class).hasMessageContaining("does not answer JSON");
        }
    }

    @Test
    void aRewardThatTakesTooLongFails() {
        answer = (number, request) -> {
            try {
                Thread.sleep(5000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return new Said(200, scores(request));
        };
        Reward slow = new ScoreServer(url("/score"), null, PROMPT, "quality", 8, PATIENT);
        try (Rewards rewards = new Rewards(List.of(
                new WeightedReward("slow", slow, 1, new Scale.None(), Duration.ofMillis(200), new OnFailure.SkipStep())))) {
            assertThatThrownBy(() -> rewards.score(drawn(1), 1)).isInstanceOfSatisfying(RewardFailed.class, e -> {
                assertThat(e.skipsStep()).isTrue();
                assertThat(e).hasMessageContaining("it took longer than");
            });
        }
    }

    private static VisionChat.Form form(String question) {
        return new VisionChat.Form("judge", question, "(\\d+(?:\\.\\d+)?)", 0, 10, 16, 3);
    }

    /** Says the number in the picture after some reasoning. */
    private static String chat(JsonNode request) {
        String image = request.path("messages").get(0).path("content").get(0).path("image_url").path("url").asString();
        String prefix = "data:image/png;base64,";
        assertThat(image).startsWith(prefix);
        String said = "There are 3 things. Score: " + numberIn(image.substring(prefix.length())) + ".";
        return Json.mapper().writeValueAsString(Map.of("choices", List.of(Map.of("message", Map.of("content", said)))));
    }

    @Test
    void aVisionModelIsAskedAboutEachPicture() {
        answer = (number, request) -> new Said(200, chat(request));
        try (VisionChat reward = new VisionChat(url("/v1/chat/completions"), null, form("Does it show {prompt} with '{text}'?"), PATIENT)) {
            assertThat(reward.score(drawn(6))).containsExactly(0, .1, .2, .3, .4, .5);
        }
        List<String> questions = asked.stream().map(r -> r.path("messages").get(0).path("content").get(1).path("text").asString()).sorted().toList();
        Drawn untitled = new Drawn(Prompt.of("a cat", 16, 16), new Pixels(16, 16), new ImageTokens(1, 1, new int[] {0}));
        try (VisionChat aboutText = new VisionChat(url("/"), null, form("Is '{text}' there?"), PATIENT);
                VisionChat aboutAll = new VisionChat(url("/"), null, form("Is {prompt} there?"), PATIENT)) {
            assertThat(aboutText.judges(untitled.prompt())).as("no text is asked for").isFalse();
            assertThat(aboutText.judges(drawn(1).getFirst().prompt())).isTrue();
            assertThat(aboutAll.judges(untitled.prompt())).isTrue();
        }
        // What a prompt says is not taken for a slot of the template.
        assertThat(questions.getFirst()).isEqualTo("Does it show prompt {text} 0 with 'WORD 0'?");
        assertThat(asked.getFirst().path("model").asString()).isEqualTo("judge");
        assertThat(asked.getFirst().path("temperature").asInt(-1)).isZero();
    }

    /** What answers mean to the expression that recipes have by default; null where none is a score. */
    @Test
    void neitherADenominatorNorARangeIsTakenForTheScore() {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("8", .8);
        scores.put("8/10", .8);
        scores.put("7 out of 10.", .7);
        scores.put("There are 3 signs, 2 of them blue.\nScore: **8.5**", .85);
        scores.put("10", 1.0);
        scores.put("3 (on a scale from 0 to 10)", null);
        scores.put("3 on a scale from 0 to 10", null);
        scores.put("I would say 3, where the best is 10", null);
        scores.put("The background is blue.\nThe score is 6/10", .6);
        scores.put("4/5", null);
        scores.put("9 out of 100", null);
        scores.put("-5", null);
        scores.put("11/10", null);
        VisionChat.Form form = new VisionChat.Form(
                "judge", "{prompt}?", RewardRecipe.NUMBER_AT_THE_END.substring(1, RewardRecipe.NUMBER_AT_THE_END.length() - 1), 0, 10, 16, 1);
        scores.forEach((said, expected) -> {
            answer = (number, request) -> new Said(200, Json.mapper().writeValueAsString(
                    Map.of("choices", List.of(Map.of("message", Map.of("content", said))))));
            try (VisionChat reward = new VisionChat(url("/v1/chat/completions"), null, form, PATIENT)) {
                if (expected == null) {
                    assertThatThrownBy(() -> reward.score(drawn(1))).as(said).isInstanceOf(XOmniException.class);
                } else {
                    assertThat(reward.score(drawn(1))[0]).as(said).isEqualTo(expected, within(1e-9));
                }
            }
        });
    }

    /** A number in an answer that was cut may be one of its reasoning. */
    @Test
    void anAnswerThatWasCutIsNoScore() {
        answer = (number, request) -> new Said(200, Json.mapper().writeValueAsString(Map.of("choices", List.of(
                Map.of("message", Map.of("content", "There are 3"), "finish_reason", number == 1 ? "length" : "stop")))));
        try (VisionChat reward = new VisionChat(url("/v1/chat/completions"), null, form("{prompt}?"), PATIENT)) {
            assertThatThrownBy(() -> reward.score(drawn(1))).isInstanceOf(XOmniException.class).hasMessageContaining("raise max-tokens");
            assertThat(reward.score(drawn(1))).containsExactly(.3);
        }
    }

    @Test
    void aKeyIsTakenWithoutTheEndOfItsLineAndNeverShown() {
        assertThat(RewardRecipe.key("KEY", "s3cret\n")).isEqualTo("s3cret");
        assertThatThrownBy(() -> RewardRecipe.key("KEY", "s3cret\nother"))
                .isInstanceOf(InputException.class).hasMessageContaining("KEY holds").hasMessageNotContaining("s3cret");
        assertThatThrownBy(() -> RewardRecipe.key("KEY", null)).isInstanceOf(InputException.class).hasMessageContaining("KEY is not set");
    }

    @Test
    void anAnswerWithoutANumberInRangeFails() {
        for (String said : List.of("I cannot say.", "11", "")) {
            answer = (number, request) -> new Said(200, Json.mapper().writeValueAsString(
                    Map.of("choices", List.of(Map.of("message", Map.of("content", said))))));
            try (VisionChat reward = new VisionChat(url("/v1/chat/completions"), null, form("{prompt}?"), PATIENT)) {
                assertThatThrownBy(() -> reward.score(drawn(1))).isInstanceOf(XOmniException.class).hasMessageContaining("expected a number from 0.0 to 10.0");
            }
        }
        answer = (number, request) -> new Said(200, "{}");
        try (VisionChat reward = new VisionChat(url("/v1/chat/completions"), null, form("{prompt}?"), PATIENT)) {
            assertThatThrownBy(() -> reward.score(drawn(1))).isInstanceOf(XOmniException.class).hasMessageContaining("no choices[0]");
        }
    }
}
