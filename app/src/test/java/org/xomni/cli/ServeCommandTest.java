package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code xomni serve}: what it refuses to start with, and how it ends. */
class ServeCommandTest {
    @TempDir
    Path folder;

    @Test
    void beyondThisMachineItWantsAKey() throws IOException {
        Path empty = Files.writeString(folder.resolve("empty"), "\n");
        Path weak = Files.writeString(folder.resolve("weak"), "short\n");
        assertRefused("--api-key-file FILE, or --no-key", "--host", "0.0.0.0");
        assertRefused("at least 16 characters", "--api-key-file", empty.toString());
        assertRefused("at least 16 characters", "--api-key-file", weak.toString());
        assertRefused("cannot be read", "--api-key-file", folder.resolve("missing").toString());
        assertRefused("--port 70000", "--port", "70000");
        assertRefused("--max-batch 1", "--max-batch", "1");
        assertRefused("leave --offload out", "--offload", "--model", Cli.model("tiny-en"));
    }

    @Test
    void severalModelsHaveNamesAndFluxFoldersOfTheirOwn() {
        String en = Cli.model("tiny-en");
        String zh = Cli.model("tiny-zh");
        assertRefused("are both called 'model' by clients, who know a model by its folder's name; rename one", "--model", en, "--model", zh);
        assertRefused("are both called 'model'", "--model", en, zh);
        assertRefused("--flux is for a single --model", "--model", en, zh, "--flux", Cli.fixture("tiny-en").resolve("flux").toString());
        assertRefused("missing is not a", "--model", en, folder.resolve("missing").toString());
        assertRefused("'--modle'", "--model", en, "--modle", zh);
        assertRefused("Expected parameter for option '--model'", "--model", "--port", "0");
    }

    private static void assertRefused(String reason, String... options) {
        List<String> line = new ArrayList<>(List.of("serve"));
        line.addAll(List.of(options));
        Cli serve = Cli.run(line.toArray(String[]::new));
        assertThat(serve.exitCode()).as(serve.err()).isEqualTo(2);
        assertThat(serve.err()).contains(reason).hasLineCount(1);
    }

    @Test
    void sigtermUnderLoadFinishesOrRefusesEveryRequest() throws Exception {
        Process server = start("--max-batch", "2", "--max-queue", "4", "--model", Cli.model("tiny-en"));
        try (BufferedReader err = new BufferedReader(new InputStreamReader(server.getErrorStream(), StandardCharsets.UTF_8));
                HttpClient http = HttpClient.newHttpClient()) {
            URI address = address(err);
            List<CompletableFuture<HttpResponse<String>>> requests = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                String body = "{\"prompt\":\"a\",\"size\":\"128x128\",\"seed\":" + i + (i % 3 == 2 ? ",\"stream\":true" : "") + "}";
                requests.add(http.sendAsync(HttpRequest.newBuilder(address.resolve("/v1/images/generations"))
                        .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString()));
            }
            // Some are begun, some wait, some were refused.
            CompletableFuture.anyOf(requests.toArray(CompletableFuture[]::new)).join();
            server.destroy();
            List<Integer> statuses = new ArrayList<>();
            for (CompletableFuture<HttpResponse<String>> request : requests) {
                HttpResponse<String> response = request.get(60, TimeUnit.SECONDS);
                statuses.add(response.statusCode());
                boolean whole = response.statusCode() != 200 || response.body().contains("b64_json");
                assertThat(whole || response.body().contains("shutting down")).as(response.body()).isTrue();
            }
            assertThat(statuses).isSubsetOf(200, 429, 503);
            assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(server.exitValue()).as("ended by SIGTERM").isEqualTo(143);
        } finally {
            Process unused = server.destroyForcibly();
        }
    }

    @Test
    void servesSeveralModelsEachWithTheFluxFolderBesideIt() throws Exception {
        List<String> models = new ArrayList<>();
        for (String name : List.of("tiny-en", "tiny-zh")) {
            Path model = folder.resolve(name).resolve("X-" + name);
            Cli.copy(Cli.fixture(name).resolve("model"), model);
            Cli.copy(Cli.fixture(name).resolve("flux"), model.resolveSibling("flux"));
            models.add(model.toString());
        }
        Process server = start("--model", models.get(0), models.get(1));
        try (BufferedReader err = new BufferedReader(new InputStreamReader(server.getErrorStream(), StandardCharsets.UTF_8));
                HttpClient http = HttpClient.newHttpClient()) {
            URI address = address(err);
            HttpRequest list = HttpRequest.newBuilder(address.resolve("/v1/models")).build();
            assertThat(http.send(list, HttpResponse.BodyHandlers.ofString()).body()).containsSubsequence("\"X-tiny-en\"", "\"X-tiny-zh\"");
            for (String name : List.of("X-tiny-en", "X-tiny-zh")) {
                String body = "{\"prompt\":\"a\",\"size\":\"32x32\",\"model\":\"" + name + "\"}";
                HttpRequest draw = HttpRequest.newBuilder(address.resolve("/v1/images/generations"))
                        .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build();
                HttpResponse<String> drawn = http.send(draw, HttpResponse.BodyHandlers.ofString());
                assertThat(drawn.statusCode()).as(drawn.body()).isEqualTo(200);
            }
            server.destroy();
            assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            Process unused = server.destroyForcibly();
        }
    }

    /** A server in a process of its own, on any port. */
    private static Process start(String... options) throws IOException {
        List<String> line = new ArrayList<>(List.of("serve", "--port", "0"));
        line.addAll(List.of(options));
        return Jvm.start(line.toArray(String[]::new));
    }

    private static URI address(BufferedReader err) throws IOException {
        for (String line = err.readLine(); line != null; line = err.readLine()) {
            int at = line.indexOf("http://");
            if (at >= 0) {
                return URI.create(line.substring(at));
            }
        }
        throw new AssertionError("the server did not start");
    }
}
