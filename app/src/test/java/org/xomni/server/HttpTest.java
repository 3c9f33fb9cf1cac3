package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;
import org.xomni.ServingLimits;
import org.xomni.image.ImageFiles;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** What no client library shows: headers, who is let in, clients that go away, a full queue, the end. */
class HttpTest {
    private static final String SMALL = "{\"prompt\":\"a\",\"size\":\"32x32\",\"seed\":1}";
    private static final String LARGE = "{\"prompt\":\"a\",\"size\":\"1024x1024\",\"seed\":1}";

    @Test
    void aClientThatGoesAwayCancelsItsWork() throws Exception {
        try (TestServer server = TestServer.start()) {
            for (String stream : new String[] {"", ",\"stream\":true"}) {
                long before = server.engine().status().cancelled();
                try (Socket socket = new Socket("127.0.0.1", server.port())) {
                    send(socket, LARGE.replace("}", stream + "}"));
                    while (server.engine().status().rows() == 0) {
                        Thread.sleep(1);
                    }
                }
                long closed = System.nanoTime();
                while (server.engine().status().cancelled() == before && System.nanoTime() - closed < Duration.ofSeconds(20).toNanos()) {
                    Thread.sleep(1);
                }
                assertThat(server.engine().status().cancelled()).isEqualTo(before + 1);
                // The next request on a connection of its own is served as ever.
                assertThat(server.post("/v1/images/generations", SMALL).statusCode()).isEqualTo(200);
            }
        }
    }

    @Test
    void oneConnectionServesManyRequests() throws Exception {
        try (TestServer server = TestServer.start();
                Socket socket = new Socket("127.0.0.1", server.port())) {
            for (int i = 0; i < 20; i++) {
                send(socket, SMALL);
                String head = readHead(socket.getInputStream());
                assertThat(head).startsWith("HTTP/1.1 200");
                String length = head.replaceAll("(?is).*content-length: (\\d+).*", "$1");
                assertThat(socket.getInputStream().readNBytes(Integer.parseInt(length.strip()))).isNotEmpty();
            }
        }
    }

    @Test
    void theQueueIsBoundedAndSaysWhenToComeBack() throws Exception {
        try (TestServer server = TestServer.start(ServingLimits.DEFAULT.sizes(2, 1))) {
            CompletableFuture<?>[] holding = new CompletableFuture<?>[3];
            for (int i = 0; i < 3; i++) {
                holding[i] = CompletableFuture.runAsync(() -> postQuietly(server, LARGE), Thread::startVirtualThread);
            }
            while (server.engine().status().rows() < 2 || server.engine().status().waiting() < 1) {
                Thread.sleep(1);
            }
            HttpResponse<String> refused = server.post("/v1/images/generations", SMALL);
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValueAsLong("Retry-After").orElse(0)).isPositive();
            assertThat(error(refused).path("code").stringValue()).isEqualTo("queue_full");
            server.end(Duration.ofMillis(1));
            CompletableFuture.allOf(holding).join();
        }
    }

    @Test
    void endingAnswersEverything() throws Exception {
        try (TestServer server = TestServer.start(ServingLimits.DEFAULT.sizes(2, 8))) {
            CompletableFuture<Integer> begun = CompletableFuture.supplyAsync(
                    () -> postQuietly(server, SMALL.replace("32x32", "320x320")), Thread::startVirtualThread);
            while (server.engine().status().rows() == 0) {
                Thread.sleep(1);
            }
            server.end(Duration.ofSeconds(60));
            assertThat(begun.join()).isEqualTo(200);
        }
    }

    @Test
    void endingOnAnInterruptedThreadAnswersEverything() throws Exception {
        try (TestServer server = TestServer.start(ServingLimits.DEFAULT.sizes(2, 8))) {
            CompletableFuture<Integer> begun = CompletableFuture.supplyAsync(() -> postQuietly(server, LARGE), Thread::startVirtualThread);
            while (server.engine().status().rows() == 0) {
                Thread.sleep(1);
            }
            Thread.currentThread().interrupt();
            server.end(Duration.ofSeconds(60));
            assertThat(Thread.interrupted()).isTrue();
            assertThat(server.engine().status().rows()).isZero();
            assertThat(begun.join()).isEqualTo(503);
        }
    }

    @Test
    void everyResponseIsGuarded() throws Exception {
        try (TestServer server = TestServer.start()) {
            for (String path : new String[] {"/", "/healthz", "/v1/models", "/nothing", "/openapi.json"}) {
                HttpResponse<String> response = server.get(path);
                assertThat(response.headers().firstValue("X-Frame-Options")).as(path).contains("DENY");
                assertThat(response.headers().firstValue("X-Content-Type-Options")).as(path).contains("nosniff");
                assertThat(response.headers().firstValue("Content-Security-Policy").orElse("")).as(path).contains("frame-ancestors 'none'");
                assertThat(response.headers().firstValue("Server")).as(path).isEmpty();
            }
            assertThat(server.get("/v1/models", "Origin", "http://evil.example").statusCode()).isEqualTo(403);
            assertThat(server.get("/v1/models", "Origin", "null").statusCode()).isEqualTo(403);
            assertThat(server.get("/v1/models", "Origin", server.url("")).statusCode()).isEqualTo(200);
            assertThat(raw(server, "GET /v1/models HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n")).startsWith("HTTP/1.1 403");
            assertThat(raw(server, "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).startsWith("HTTP/1.1 40");
            HttpResponse<String> plain = server.send(server.request("/v1/chat/completions").header("Content-Type", "text/plain")
                    .POST(HttpRequest.BodyPublishers.ofString("{}")));
            assertThat(plain.statusCode()).isEqualTo(415);
        }
    }

    @Test
    void aKeyIsNeededWhereThereIsOne() throws Exception {
        try (TestServer server = TestServer.withKey()) {
            assertThat(server.get("/v1/models").statusCode()).isEqualTo(401);
            assertThat(server.get("/metrics").statusCode()).isEqualTo(401);
            assertThat(server.post("/v1/images/generations", SMALL).statusCode()).isEqualTo(401);
            assertThat(server.get("/healthz").statusCode()).isEqualTo(200);
            assertThat(server.get("/").statusCode()).isEqualTo(200);
            assertThat(server.get("/v1/models", "Authorization", "Bearer " + TestServer.KEY).statusCode()).isEqualTo(200);
            assertThat(server.get("/v1/models", "Authorization", "Bearer " + TestServer.KEY + "x").statusCode()).isEqualTo(401);
        }
    }

    @Test
    void headSaysWhatGetWouldSay() throws Exception {
        try (TestServer server = TestServer.withKey()) {
            for (String path : List.of("/", "/healthz", "/metrics", "/openapi.json", "/v1/models", "/v1/models/none", "/nothing")) {
                for (String key : List.of("Bearer " + TestServer.KEY, "Bearer no")) {
                    HttpResponse<String> get = server.get(path, "Authorization", key);
                    HttpResponse<String> head = server.send(server.request(path, "Authorization", key).HEAD());
                    assertThat(head.statusCode()).as(path).isEqualTo(get.statusCode());
                    assertThat(head.headers().firstValue("Content-Type")).as(path).isEqualTo(get.headers().firstValue("Content-Type"));
                    assertThat(head.body()).isEmpty();
                }
            }
        }
    }

    /** Jetty refuses these before the server hears of them. */
    @Test
    void whatIsNoRequestIsAnsweredInTheSameForm() throws Exception {
        try (TestServer server = TestServer.start()) {
            Map<String, Integer> requests = Map.of(
                    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: " + "a".repeat(20_000) + "\r\n\r\n", 431,
                    "GET /%2e%2e/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400,
                    "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400);
            requests.forEach((request, status) -> {
                String response = raw(server, request);
                assertThat(response).startsWith("HTTP/1.1 " + status).containsIgnoringCase("content-type: application/json").contains("nosniff");
                JsonNode error = Json.mapper().readTree(response.substring(response.indexOf("{\"error\""), response.lastIndexOf('}') + 1)).path("error");
                assertThat(error.path("type").stringValue()).isEqualTo("invalid_request_error");
            });
        }
    }

    @Test
    void whoShowsAKeyMayComeByAnyName() throws Exception {
        try (TestServer server = TestServer.withKey()) {
            String behindAProxy = "GET /v1/models HTTP/1.1\r\nHost: signs.example\r\nOrigin: https://signs.example\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n";
            assertThat(raw(server, behindAProxy.formatted(TestServer.KEY))).startsWith("HTTP/1.1 200");
            assertThat(raw(server, behindAProxy.formatted("guess"))).startsWith("HTTP/1.1 401");
        }
    }

    @Test
    void whatWouldChangeTheAnswerIsNotIgnored() throws Exception {
        try (TestServer server = TestServer.start()) {
            String chat = "{\"max_tokens\":2,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],%s}";
            for (String field : List.of(
                    "\"response_format\":{\"type\":\"json_object\"}", "\"frequency_penalty\":0.5", "\"presence_penalty\":-1", "\"logit_bias\":{\"5\":1}")) {
                HttpResponse<String> refused = server.post("/v1/chat/completions", chat.formatted(field));
                assertThat(refused.statusCode()).as(field).isEqualTo(400);
                assertThat(error(refused).path("code").stringValue()).isEqualTo("unsupported_parameter");
            }
            for (String field : List.of("\"response_format\":{\"type\":\"text\"}", "\"frequency_penalty\":0", "\"logit_bias\":{}", "\"temperature\":1e-300")) {
                HttpResponse<String> answered = server.post("/v1/chat/completions", chat.formatted(field));
                assertThat(answered.statusCode()).as(field).isEqualTo(200);
                assertThat(answered.body()).doesNotContain("\\u0000");
            }
        }
    }

    /** All texts of a conversation are read one after the other, so that they count together. */
    @Test
    void aConversationIsNoLongerThanAPrompt() throws Exception {
        try (TestServer server = TestServer.start()) {
            String half = "{\"role\":\"user\",\"content\":\"" + "a".repeat(ServerOptions.DEFAULT_MAX_PROMPT / 2) + "\"}";
            HttpResponse<String> refused = server.post("/v1/chat/completions", "{\"messages\":[" + half + "," + half + "," + half + "]}");
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(error(refused).path("code").stringValue()).isEqualTo("context_length_exceeded");
        }
    }

    @Test
    void whatIsLoggedIsWhatIsSaidAndNoImage() throws Exception {
        Logger log = (Logger) LoggerFactory.getLogger(XOmniServer.class);
        ListAppender<ILoggingEvent> heard = new ListAppender<>();
        heard.start();
        log.addAppender(heard);
        try (TestServer server = TestServer.logging()) {
            server.ask("/v1/images/generations", SMALL.replace("\"a\"", "\"a \\n sign\""));
            server.ask("/v1/chat/completions", "{\"max_tokens\":1,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":["
                    + "{\"type\":\"text\",\"text\":\"What is it?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" + TestServer.dataUrl() + "\"}}]}]}");
            assertThat(server.post("/v1/chat/completions", "{\"prompt\":7,\"messages\":{\"content\":{\"text\":[1]}}}").statusCode()).isEqualTo(400);
            assertThat(server.post("/v1/images/generations", "{\"prompt\":\"" + "b".repeat(41) + "\"}").statusCode()).isEqualTo(400);
        } finally {
            log.detachAppender(heard);
        }
        assertThat(heard.list.stream().map(ILoggingEvent::getFormattedMessage).filter(line -> line.startsWith("["))).containsExactly(
                "[\"a \\n sign\"]", "[\"Be brief.\",\"What is it?\"]", "[]", "[\"" + "b".repeat(40) + "\"]");
        assertThat(heard.list.stream().map(ILoggingEvent::getFormattedMessage)).anyMatch(line -> line.startsWith("POST /v1/images/generations 200"))
                .noneMatch(line -> line.contains("base64"));
    }

    @Test
    void aNullCharacterInAPromptCostsNoPicture() throws Exception {
        try (TestServer server = TestServer.start()) {
            HttpResponse<String> drawn = server.post("/v1/images/generations", SMALL.replace("\"a\"", "\"a \\u0000 sign\""));
            assertThat(drawn.statusCode()).as(drawn.body()).isEqualTo(200);
        }
    }

    @Test
    void aJpegIsAsGoodAsAskedFor() throws Exception {
        try (TestServer server = TestServer.start()) {
            String large = "{\"prompt\":\"a\",\"size\":\"96x96\",\"seed\":1,\"output_format\":\"jpeg\"%s}";
            int[] bytes = new int[3];
            String[] qualities = {",\"output_compression\":5", "", ",\"output_compression\":100"};
            for (int i = 0; i < bytes.length; i++) {
                JsonNode drawn = server.ask("/v1/images/generations", large.formatted(qualities[i]));
                byte[] file = Base64.getDecoder().decode(drawn.path("data").get(0).path("b64_json").stringValue());
                assertThat(ImageFiles.decode(file, "the jpeg", 1 << 20).width()).isEqualTo(96);
                bytes[i] = file.length;
            }
            assertThat(bytes[0]).isLessThan(bytes[1]);
            assertThat(bytes[1]).isLessThan(bytes[2]);
            HttpResponse<String> refused = server.post("/v1/images/generations", large.formatted(",\"output_compression\":101"));
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(error(refused).path("param").stringValue()).isEqualTo("output_compression");
            HttpResponse<String> png = server.post("/v1/images/generations", SMALL.replace("}", ",\"output_compression\":50}"));
            assertThat(png.statusCode()).as("of no use to a png").isEqualTo(400);
        }
    }

    /** Else its memory would be held for as long as the client likes. */
    @Test
    @Timeout(60)
    void aBodyThatTricklesInIsRefused() throws Exception {
        try (TestServer server = TestServer.start();
                Socket socket = new Socket("127.0.0.1", server.port())) {
            String head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            while (socket.getInputStream().available() == 0) {
                socket.getOutputStream().write(' ');
                Thread.sleep(100);
            }
            assertThat(readHead(socket.getInputStream())).startsWith("HTTP/1.1 408");
            assertThat(server.post("/v1/images/generations", SMALL).statusCode()).as("others are served").isEqualTo(200);
        }
    }

    /** A page of another origin shows the picture that it has a link to. */
    @Test
    void linksCanBeShownAnywhere() throws Exception {
        try (TestServer server = TestServer.start()) {
            JsonNode drawn = server.ask("/v1/images/generations", SMALL.replace("}", ",\"response_format\":\"url\"}"));
            String url = drawn.path("data").get(0).path("url").stringValue();
            HttpResponse<String> file = server.get(url.substring(url.indexOf("/v1/")));
            assertThat(file.statusCode()).isEqualTo(200);
            assertThat(file.headers().firstValue("Cross-Origin-Resource-Policy")).contains("cross-origin");
        }
    }

    @Test
    void linksBehindAProxyThatEndsTlsAreHttps() throws Exception {
        try (TestServer server = TestServer.start()) {
            String links = SMALL.replace("}", ",\"response_format\":\"url\"}");
            for (String proto : List.of("https", "http", "javascript")) {
                JsonNode drawn = Json.mapper().readTree(server.post("/v1/images/generations", links, "X-Forwarded-Proto", proto).body());
                assertThat(drawn.path("data").get(0).path("url").stringValue()).startsWith((proto.equals("https") ? "https" : "http") + "://127.0.0.1:");
            }
        }
    }

    @Test
    void metricsCount() throws Exception {
        try (TestServer server = TestServer.start()) {
            server.ask("/v1/images/generations", SMALL);
            server.ask("/v1/chat/completions", "{\"max_tokens\":3,\"temperature\":1,\"seed\":4,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
            assertThat(server.get("/nothing").statusCode()).isEqualTo(404);
            String metrics = server.get("/metrics").body();
            assertThat(metrics).contains("xomni_image_tokens_total{model=\"xomni\"} 4\n", "xomni_images_total{model=\"xomni\"} 1\n")
                    .contains("xomni_answers_total{model=\"xomni\"} 1\n", "xomni_queue_length{model=\"xomni\"} 0.000\n")
                    .contains("xomni_requests_total{route=\"/v1/images/generations\",status=\"200\"} 1\n")
                    .contains("xomni_requests_total{route=\"none\",status=\"404\"} 1\n")
                    .contains("xomni_request_seconds_bucket{route=\"/v1/images/generations\",le=\"+Inf\"} 1\n");
            assertThat(metrics.lines()).allMatch(line -> line.startsWith("# ") || line.matches("[a-z_]+(\\{[^}]*})? [0-9.E+-]+"));
        }
    }

    private static JsonNode error(HttpResponse<String> response) {
        return Json.mapper().readTree(response.body()).path("error");
    }

    private static int postQuietly(TestServer server, String body) {
        try {
            return server.post("/v1/images/generations", body).statusCode();
        } catch (Exception e) {
            return -1;
        }
    }

    private static String raw(TestServer server, String request) {
        try (Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void send(Socket socket, String json) throws Exception {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        String head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n";
        socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().write(body);
        socket.getOutputStream().flush();
    }

    private static String readHead(InputStream in) throws Exception {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int next = in.read();
            if (next < 0) {
                break;
            }
            head.append((char) next);
        }
        return head.toString();
    }
}
