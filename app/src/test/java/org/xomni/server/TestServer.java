package org.xomni.server;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.xomni.LoadOptions;
import org.xomni.ServingEngine;
import org.xomni.ServingLimits;
import org.xomni.XOmni;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.DType;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** A server over tiny fixtures, on a port of its own. */
final class TestServer implements AutoCloseable {
    static final String KEY = "a-key-for-tests-0123456789";
    /** The name of the only model, or of the first. */
    static final String MODEL = "xomni";
    /** The name of the second model, where there are two. */
    static final String OTHER = "xomni-zh";

    private final List<XOmni> loaded = new ArrayList<>();
    private final List<ServedModel> models = new ArrayList<>();
    private final XOmniServer server;
    private final HttpClient http = HttpClient.newHttpClient();

    private TestServer(ServingLimits limits, ServerOptions options, boolean several) {
        add(MODEL, "tiny-en", limits);
        if (several) {
            add(OTHER, "tiny-zh", limits);
        }
        this.server = XOmniServer.start(models, options);
    }

    private void add(String name, String fixture, ServingLimits limits) {
        loaded.add(XOmni.load(Path.of(System.getProperty("xomni.fixtures"), fixture, "model"), LoadOptions.DEFAULT.dtype(DType.FLOAT32)));
        models.add(new ServedModel(name, ServingEngine.start(loaded.getLast(), limits)));
    }

    static TestServer start() {
        return start(ServingLimits.DEFAULT.deterministic(true));
    }

    static TestServer start(ServingLimits limits) {
        return new TestServer(limits, ServerOptions.local(0), false);
    }

    /** With two models. */
    static TestServer several() {
        return new TestServer(ServingLimits.DEFAULT.deterministic(true), ServerOptions.local(0), true);
    }

    /** That logs what is said, up to 40 characters. */
    static TestServer logging() {
        ServerOptions quiet = ServerOptions.local(0);
        return new TestServer(ServingLimits.DEFAULT, new ServerOptions(quiet.host(), quiet.port(), quiet.keys(), quiet.everybody(), quiet.maxBodyBytes(),
                quiet.maxPixels(), 40, true, true), false);
    }

    static TestServer withKey() {
        return new TestServer(ServingLimits.DEFAULT, ServerOptions.local(0).keys(List.of(KEY)), false);
    }

    /** That of the only model, or of the first. */
    ServingEngine engine() {
        return models.getFirst().engine();
    }

    /** Of all models, the first first. */
    List<ServingEngine> engines() {
        return models.stream().map(ServedModel::engine).toList();
    }

    int port() {
        return server.port();
    }

    List<String> apiRoutes() {
        return server.apiRoutes();
    }

    void end(Duration grace) {
        server.close(grace);
    }

    String url(String path) {
        return "http://127.0.0.1:" + server.port() + path;
    }

    HttpResponse<String> get(String path, String... headers) throws IOException, InterruptedException {
        return send(request(path, headers).GET());
    }

    HttpResponse<String> post(String path, String json, String... headers) throws IOException, InterruptedException {
        return send(request(path, headers).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(json)));
    }

    /** Posts and reads the answer, which must be a success. */
    JsonNode ask(String path, String json) throws IOException, InterruptedException {
        HttpResponse<String> response = post(path, json);
        if (response.statusCode() != 200) {
            throw new AssertionError(response.statusCode() + " " + response.body());
        }
        return Json.mapper().readTree(response.body());
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    HttpRequest.Builder request(String path, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url(path)));
        return headers.length == 0 ? request : request.headers(headers);
    }

    /** A picture that is not all one colour, as a data URL. */
    static String dataUrl() {
        Pixels pixels = new Pixels(96, 96);
        for (int i = 0; i < pixels.rgb().length; i++) {
            pixels.rgb()[i] = (byte) (i * 7 / 3);
        }
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(PngWriter.encode(pixels, Map.of()));
    }

    @Override
    public void close() {
        server.close();
        models.forEach(model -> model.engine().close(Duration.ofMillis(1)));
        loaded.forEach(XOmni::close);
        http.close();
    }
}
