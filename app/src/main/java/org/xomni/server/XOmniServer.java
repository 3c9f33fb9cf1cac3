package org.xomni.server;

import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HttpResponseException;
import io.javalin.util.JavalinLogger;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.Checkpoint;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The HTTP server over one or several {@link org.xomni.ServingEngine}s: OpenAI's API for models, images and chat, health, metrics and the web page.
 * Requests wait on virtual threads; all work is the engines'.
 */
public final class XOmniServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(XOmniServer.class);
    private static final Duration FLUSH = Duration.ofSeconds(5);
    private static final int LAST_BYTES_MILLIS = 100;
    private static final int SHARE_FOR_REQUESTS = 4;
    private static final String STARTED = "xomni.started";
    private static final int BUFFER = 1 << 16;
    /** Bytes a second. */
    private static final long SLOWEST_BODY = 1024;
    private static final int TOO_SLOW = 408;

    private final Models models;
    private final ServerOptions options;
    private final Guard guard;
    private final Pictures pictures;
    private final ImagesEndpoint images;
    private final ChatEndpoint chat;
    private final Metrics metrics;
    private final MemoryBudget memory = new MemoryBudget(Runtime.getRuntime().maxMemory() / SHARE_FOR_REQUESTS);
    private final AtomicInteger active = new AtomicInteger();
    private final long created = Instant.now().getEpochSecond();
    private final Map<String, WebPage.Asset> page = WebPage.load();
    private final Javalin javalin;

    private XOmniServer(Models models, ServerOptions options) {
        this.models = models;
        this.options = options;
        this.guard = new Guard(options);
        this.pictures = new Pictures(options.maxPixels());
        this.images = new ImagesEndpoint(models, options, pictures);
        this.chat = new ChatEndpoint(models, options, pictures);
        this.metrics = new Metrics(models);
        this.javalin = Javalin.create(this::configure);
    }

    /**
     * Starts to listen.
     *
     * @param models at least one, each by another id; the first is for requests that name none. Their engines end with the server, and what these stand on is to be closed after it
     * @throws InputException if the address cannot be had, there is no model, or two have the same id
     */
    public static XOmniServer start(List<ServedModel> models, ServerOptions options) {
        XOmniServer server = new XOmniServer(new Models(models), options);
        boolean logs = JavalinLogger.enabled;
        try {
            // It would log what is thrown here, too.
            JavalinLogger.enabled = false;
            Javalin unused = server.javalin.start(options.host(), options.port());
        } catch (RuntimeException e) {
            throw new InputException("cannot listen on " + options.host() + ":" + options.port() + " (" + rootMessage(e)
                    + "); choose another --host or --port", e);
        } finally {
            JavalinLogger.enabled = logs;
        }
        return server;
    }

    private static String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** The port it listens on. */
    public int port() {
        return javalin.port();
    }

    /** The paths of the API; those of the web page are not among them. */
    List<String> apiRoutes() {
        return javalin.unsafe.internalRouter.allHttpHandlers().stream()
                .map(handler -> handler.endpoint.path)
                .filter(path -> !page.containsKey(path) && !path.equals("*") && !path.isEmpty())
                .distinct()
                .toList();
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.concurrency.useVirtualThreads = true;
        config.http.prefer405over404 = true;
        config.http.generateEtags = false;
        config.http.compressionStrategy = CompressionStrategy.NONE;
        config.jetty.modifyHttpConfiguration(http -> {
            http.setSendServerVersion(false);
            http.setSendDateHeader(false);
            http.setIdleTimeout(Duration.ofSeconds(60).toMillis());
            http.setRequestHeaderSize(16 << 10);
            // A body that trickles in would hold its share of the memory for as long as it likes.
            http.setMinRequestDataRate(SLOWEST_BODY);
        });
        config.jetty.modifyServer(server -> server.setErrorHandler(new BareErrors()));
        config.routes.before(this::begin);
        // Hears of a request when its response is written, which an "after" handler does not.
        config.requestLogger.http((context, millis) -> count(context));
        config.routes.exception(Exception.class, this::fail);
        config.routes.error(404, context -> plainError(context, 404, "not_found", "there is nothing here; see /openapi.json"));
        config.routes.error(405, context -> plainError(context, 405, "method_not_allowed", "this address knows other methods; see /openapi.json"));

        get(config, "/healthz", this::health);
        get(config, "/metrics", context -> {
            guard.requireKey(context);
            context.contentType("text/plain; version=0.0.4; charset=utf-8").result(metrics.text());
        });
        byte[] description = WebPage.resource("openapi.json");
        get(config, "/openapi.json", context -> context.contentType("application/json; charset=utf-8").result(description));
        get(config, "/v1/models", context -> {
            guard.requireKey(context);
            ObjectNode list = Json.mapper().createObjectNode().put("object", "list");
            ArrayNode data = list.putArray("data");
            models.all().forEach(model -> data.add(describe(model)));
            Responses.json(context, list);
        });
        get(config, "/v1/models/{model}", context -> {
            guard.requireKey(context);
            Responses.json(context, describe(models.named(context.pathParam("model"))));
        });
        config.routes.post("/v1/images/generations", context -> {
            guard.requireKey(context);
            try (MemoryBudget.Share share = memory.share()) {
                images.handle(context, body(context, share));
            }
        });
        get(config, "/v1/images/files/{file}", this::file);
        config.routes.post("/v1/chat/completions", context -> {
            guard.requireKey(context);
            try (MemoryBudget.Share share = memory.share()) {
                chat.handle(context, body(context, share), share);
            }
        });
        page.forEach((path, asset) -> get(config, path, context -> context.contentType(asset.mediaType()).result(asset.bytes())));
    }

    /** The same with HEAD, which would be answered unasked. */
    private static void get(JavalinConfig config, String path, Handler handler) {
        config.routes.get(path, handler);
        config.routes.head(path, handler);
    }

    private void begin(Context context) {
        active.incrementAndGet();
        context.attribute(STARTED, System.nanoTime());
        Guard.protect(context);
        guard.requireOwnSite(context);
    }

    private void count(Context context) {
        active.decrementAndGet();
        Long started = context.attribute(STARTED);
        long nanos = started == null ? 0 : System.nanoTime() - started;
        String route = context.endpoints().matchedHttpEndpoint() == null ? "none" : String.valueOf(context.endpoints().matchedHttpEndpoint().path);
        metrics.count(route, context.statusCode(), nanos);
        if (options.logRequests()) {
            LOG.warn("{} {} {} {} ms", context.method(), route, context.statusCode(), nanos / 1_000_000);
        }
    }

    private void fail(Exception failure, Context context) {
        if (failure instanceof IOException || failure instanceof HttpException) {
            // The client is gone, or has sent less than it announced, or what is no HTTP.
            if (!context.res().isCommitted()) {
                if (isTooSlow(failure)) {
                    plainError(context, TOO_SLOW, "request_timeout", "the body comes too slowly; send at least " + SLOWEST_BODY + " bytes a second");
                } else {
                    plainError(context, 400, "incomplete_body", "the body is incomplete or malformed; send what its headers announce");
                }
            }
            return;
        }
        if (failure instanceof InterruptedException) {
            Thread.currentThread().interrupt();
        }
        if (failure instanceof HttpResponseException known) {
            plainError(context, known.getStatus(), "invalid_request", String.valueOf(known.getMessage()));
            return;
        }
        Responses.error(context, failure);
    }

    private static boolean isTooSlow(Throwable failure) {
        return failure instanceof HttpException refused ? refused.getCode() == TOO_SLOW : failure.getCause() != null && isTooSlow(failure.getCause());
    }

    private static void plainError(Context context, int status, String code, String message) {
        if (!(context.result() instanceof String body && body.startsWith("{\"error\""))) {
            Responses.error(context, new ApiException(status, code, null, message));
        }
    }

    /** Reads a body of limited size. */
    private Fields body(Context context, MemoryBudget.Share share) throws IOException {
        Guard.requireJson(context.contentType());
        long announced = context.req().getContentLengthLong();
        int most = options.maxBodyBytes();
        if (announced > most) {
            throw tooLarge(most);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] block = new byte[BUFFER];
        try (InputStream in = context.req().getInputStream()) {
            for (int read = in.read(block); read >= 0; read = in.read(block)) {
                // Only what has come counts, not what was announced. JSON in memory takes about twice its bytes.
                share.take(3L * read);
                bytes.write(block, 0, read);
                if (bytes.size() > most) {
                    throw tooLarge(most);
                }
            }
        }
        Fields fields = Fields.parse(bytes.toByteArray());
        if (options.logPrompts()) {
            LOG.warn("{}", Prompts.of(fields.node(), options.maxPromptCharacters()));
        }
        return fields;
    }

    private static ApiException tooLarge(int most) {
        return new ApiException(413, "request_too_large", null, "the body has more than " + most + " bytes; send smaller or fewer images");
    }

    private ObjectNode describe(ServedModel model) {
        ObjectNode node = Json.mapper().createObjectNode().put("id", model.id()).put("object", "model").put("created", created).put("owned_by", "xomni");
        Checkpoint checkpoint = model.engine().checkpoint();
        var size = checkpoint.defaultSize();
        node.putObject("xomni").put("default_size", size.width() + "x" + size.height()).put("patch", checkpoint.decoder().upscaleFactor())
                .put("codebook", checkpoint.unified().imageVocabSize());
        return node;
    }

    private void health(Context context) {
        boolean accept = models.accept();
        ObjectNode health = Json.mapper().createObjectNode().put("status", accept ? "ok" : "closing").put("model", models.first().id());
        ArrayNode ids = health.putArray("models");
        models.all().forEach(model -> ids.add(model.id()));
        context.status(accept ? 200 : 503);
        Responses.json(context, health);
    }

    /** An unguessable name is its own key, so that a link works in an image tag. */
    private void file(Context context) {
        String name = context.pathParam("file");
        int dot = name.lastIndexOf('.');
        Pictures.FileLink link = pictures.file(dot < 0 ? name : name.substring(0, dot));
        context.header("Cross-Origin-Resource-Policy", "cross-origin");
        context.contentType(link.format().mediaType()).result(link.bytes());
    }

    /**
     * Ends, and the engines with it: they take no more, what is begun gets {@code grace} to finish, every request is answered. An interruption ends the grace, and the thread stays
     * interrupted.
     */
    public void close(Duration grace) {
        models.close(grace);
        long deadline = System.nanoTime() + FLUSH.toNanos();
        // Answers are on their way, whoever is impatient.
        boolean interrupted = Thread.interrupted();
        try {
            while (active.get() > 0 && System.nanoTime() - deadline < 0) {
                Thread.sleep(20);
            }
            Thread.sleep(LAST_BYTES_MILLIS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        Javalin unused = javalin.stop();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** {@link #close(Duration)} without grace: what is begun is given up, and its requests are answered so. */
    @Override
    public void close() {
        close(Duration.ofMillis(1));
    }

    /** What Jetty itself refuses, before this server hears of it, has the form of all other errors. */
    private static final class BareErrors extends ErrorHandler {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            // A version of HTTP that does not exist is the client's fault.
            int status = response.getStatus() == HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505 ? HttpStatus.BAD_REQUEST_400 : response.getStatus();
            response.setStatus(status);
            String code = switch (status) {
                case 414 -> "uri_too_long";
                case 431 -> "headers_too_large";
                default -> status < 500 ? "bad_request" : "internal_error";
            };
            String json = Json.mapper().writeValueAsString(
                    Responses.failure(new ApiException(status, code, null, "the server cannot read this request (" + HttpStatus.getMessage(status) + ")")));
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json; charset=utf-8");
            response.getHeaders().put("X-Content-Type-Options", "nosniff");
            Content.Sink.write(response, true, json, callback);
            return true;
        }
    }
}
