package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** A server with two models: each request gets the one that it names, and pictures stay with the model that drew them. */
class SeveralModelsTest {
    private static final TestServer server = TestServer.several();

    @AfterAll
    static void close() {
        server.close();
    }

    @Test
    void allAreListedTheDefaultFirst() throws Exception {
        JsonNode list = Json.mapper().readTree(server.get("/v1/models").body());
        assertThat(list.path("data").valueStream().map(model -> model.path("id").stringValue())).containsExactly(TestServer.MODEL, TestServer.OTHER);
        for (JsonNode model : list.path("data")) {
            assertThat(Json.mapper().readTree(server.get("/v1/models/" + model.path("id").stringValue()).body())).isEqualTo(model);
        }
        JsonNode health = Json.mapper().readTree(server.get("/healthz").body());
        assertThat(health.path("status").stringValue()).isEqualTo("ok");
        assertThat(health.path("model").stringValue()).isEqualTo(TestServer.MODEL);
        assertThat(health.path("models").valueStream().map(JsonNode::stringValue)).containsExactly(TestServer.MODEL, TestServer.OTHER);
    }

    @Test
    void aRequestGetsTheModelThatItNamesOrTheFirst() throws Exception {
        String unnamed = picture(draw(null));
        String first = picture(draw(TestServer.MODEL));
        String second = picture(draw(TestServer.OTHER));
        assertThat(first).isEqualTo(unnamed);
        assertThat(second).isNotEqualTo(first).isEqualTo(picture(draw(TestServer.OTHER)));
        assertThat(say(null, "\"a\"").path("model").stringValue()).isEqualTo(TestServer.MODEL);
        assertThat(say(TestServer.OTHER, "\"a\"").path("model").stringValue()).isEqualTo(TestServer.OTHER);
    }

    @Test
    void theyDrawSideBySideAsTheyDoAlone() throws Exception {
        List<String> requests = Stream.of(TestServer.MODEL, TestServer.OTHER).map(model -> drawing(model).replace("32x32", "128x128")).toList();
        List<String> alone = new ArrayList<>();
        for (String request : requests) {
            alone.add(picture(server.ask("/v1/images/generations", request)));
        }
        List<CompletableFuture<HttpResponse<String>>> together = requests.stream().map(request -> begin(server, request)).toList();
        for (int i = 0; i < alone.size(); i++) {
            assertThat(picture(Json.mapper().readTree(together.get(i).join().body()))).isEqualTo(alone.get(i));
        }
    }

    private static CompletableFuture<HttpResponse<String>> begin(TestServer server, String request) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return server.post("/v1/images/generations", request);
            } catch (Exception e) {
                throw new CompletionException(e);
            }
        }, Thread::startVirtualThread);
    }

    @Test
    void anUnknownNameIsAnErrorThatListsTheKnownOnes() throws Exception {
        for (HttpResponse<String> response : List.of(
                server.post("/v1/images/generations", drawing("gpt-image-9")),
                server.post("/v1/chat/completions", question("gpt-9", "\"a\"")),
                server.get("/v1/models/gpt-9"))) {
            assertThat(response.statusCode()).isEqualTo(404);
            JsonNode error = error(response);
            assertThat(error.path("code").stringValue()).isEqualTo("model_not_found");
            assertThat(error.path("type").stringValue()).isEqualTo("invalid_request_error");
            assertThat(error.path("message").stringValue()).contains("'" + TestServer.MODEL + "', '" + TestServer.OTHER + "'");
        }
    }

    @Test
    void aDrawnPictureStaysWithTheModelThatDrewIt() throws Exception {
        String drawn = draw(TestServer.OTHER).path("data").get(0).path("xomni_image").stringValue();
        String draw = question(TestServer.OTHER, "\"a\"").replace("}]", "}],\"xomni_draw\":{\"size\":\"32x32\"}");
        JsonNode turn = server.ask("/v1/chat/completions", draw).path("choices").get(0).path("message");
        String shown = "[{\"type\":\"image_url\",\"image_url\":{\"url\":\"xomni-image:" + drawn + "\"}},{\"type\":\"text\",\"text\":\"a\"}]";
        String byContent = "\"a\"},{\"role\":\"assistant\",\"content\":" + turn.path("content") + "},{\"role\":\"user\",\"content\":\"a\"";
        String byId = "\"a\"},{\"role\":\"assistant\",\"xomni_image\":{\"id\":" + turn.path("xomni_image").path("id")
                + "}},{\"role\":\"user\",\"content\":\"a\"";
        for (String content : List.of(shown, byContent, byId)) {
            assertThat(say(TestServer.OTHER, content).path("model").stringValue()).isEqualTo(TestServer.OTHER);
            HttpResponse<String> refused = server.post("/v1/chat/completions", question(TestServer.MODEL, content));
            assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
            JsonNode error = error(refused);
            assertThat(error.path("code").stringValue()).isEqualTo("image_of_another_model");
            assertThat(error.path("param").stringValue()).startsWith("messages[");
            assertThat(error.path("message").stringValue()).contains("drawn by '" + TestServer.OTHER + "'", "to '" + TestServer.MODEL + "'", "data URL");
        }
    }

    @Test
    void metricsTellThemApart() throws Exception {
        long first = metric("xomni_images_total", TestServer.MODEL);
        long second = metric("xomni_images_total", TestServer.OTHER);
        JsonNode unused = draw(TestServer.OTHER);
        assertThat(metric("xomni_images_total", TestServer.MODEL)).isEqualTo(first);
        assertThat(metric("xomni_images_total", TestServer.OTHER)).isEqualTo(second + 1);
        assertThat(server.get("/metrics").body().lines().filter(line -> line.startsWith("# TYPE xomni_images_total"))).hasSize(1);
    }

    @Test
    void endingFinishesTheWorkOfAll() throws Exception {
        try (TestServer ending = TestServer.several()) {
            List<CompletableFuture<HttpResponse<String>>> begun = Stream.of(TestServer.MODEL, TestServer.OTHER)
                    .map(model -> begin(ending, drawing(model).replace("32x32", "192x192"))).toList();
            while (ending.engines().stream().anyMatch(engine -> engine.status().imageTokens() == 0)) {
                Thread.sleep(1);
            }
            ending.end(Duration.ofSeconds(60));
            assertThat(begun).allSatisfy(answer -> assertThat(answer.join().statusCode()).isEqualTo(200));
            assertThat(ending.engines()).noneMatch(engine -> engine.accepts());
        }
    }

    @Test
    void noneIsTooFew() {
        assertThatThrownBy(() -> XOmniServer.start(List.of(), ServerOptions.local(0))).isInstanceOf(InputException.class).hasMessageContaining("give one or more");
    }

    @Test
    void twoOfTheSameNameAreRefused() {
        ServedModel model = new ServedModel("a", server.engine());
        assertThatThrownBy(() -> XOmniServer.start(List.of(model, model), ServerOptions.local(0))).isInstanceOf(InputException.class)
                .hasMessageContaining("two models are named 'a'");
        assertThatThrownBy(() -> new ServedModel("a\"b", server.engine())).isInstanceOf(InputException.class);
    }

    private static JsonNode draw(@Nullable String model) throws Exception {
        return server.ask("/v1/images/generations", drawing(model));
    }

    private static String drawing(@Nullable String model) {
        return "{" + named(model) + "\"prompt\":\"a\",\"size\":\"32x32\",\"seed\":1}";
    }

    private static String picture(JsonNode drawn) {
        return drawn.path("data").get(0).path("b64_json").stringValue();
    }

    private static JsonNode say(@Nullable String model, String content) throws Exception {
        return server.ask("/v1/chat/completions", question(model, content));
    }

    private static String question(@Nullable String model, String content) {
        return "{" + named(model) + "\"max_tokens\":2,\"messages\":[{\"role\":\"user\",\"content\":" + content + "}]}";
    }

    private static String named(@Nullable String model) {
        return model == null ? "" : "\"model\":\"" + model + "\",";
    }

    private static JsonNode error(HttpResponse<String> response) {
        return Json.mapper().readTree(response.body()).path("error");
    }

    private static long metric(String name, String model) throws Exception {
        String start = name + "{model=\"" + model + "\"} ";
        return server.get("/metrics").body().lines().filter(line -> line.startsWith(start))
                .mapToLong(line -> Long.parseLong(line.substring(start.length()))).sum();
    }
}
