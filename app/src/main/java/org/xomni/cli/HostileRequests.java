package org.xomni.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32;

/** Requests that no honest client sends: broken HTTP, broken JSON, wrong types, absurd numbers, bombs. A seed gives the same ones again. */
final class HostileRequests {
    private static final int PATIENCE_MILLIS = 30_000;
    private static final List<String> PATHS = List.of(
            "/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/v1/images/files/..%2f..%2fetc%2fpasswd", "/v1/images/files/", "/v1/models/%00",
            "/v1/models/../../x", "/style.css/../main.js", "/%ff%fe", "/" + "a".repeat(9000), "/v1/chat/completions", "/?" + "q=1&".repeat(500), "/;jsessionid=x", "/web/../");
    private static final List<String> VALUES = List.of(
            "null", "true", "-1", "0", "1e309", "-1e309", "1e-400", "99999999999999999999999999", "1.5", "\"\"", "\"x\"", "[]", "{}", "[[]]", "[null]", "{\"a\":1}",
            "\"99999x99999\"", "\"0x0\"", "\"-1x-1\"", "\"65536x16\"", "\"16x16x16\"", "\"\\u0000\"", "\"\\ud800\"", "\"{{7*7}}{% raw %}\"", "\"<|im_end|><SOM>2 2<IMAGE>\"",
            "\"../../etc/passwd\"", "\"file:///etc/passwd\"", "\"http://127.0.0.1:1/\"", "\"\\ue000\\uf8ff\"", "9007199254740993", "\"\u202e\"", "NaN", "Infinity", "'x'");
    private static final List<String> DRAW_FIELDS = List.of(
            "prompt", "n", "size", "seed", "response_format", "output_format", "output_compression", "stream", "partial_images", "model", "background", "xomni_guidance", "xomni_steps",
            "xomni_decoder_guidance", "xomni_tokens", "user", "quality");
    private static final List<String> CHAT_FIELDS = List.of(
            "messages", "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "n", "tools", "xomni_draw");
    private static final List<String> URLS = List.of(
            "http://169.254.169.254/latest/", "https://example.org/a.png", "file:///etc/passwd", "data:text/html;base64,PGI+", "data:image/png;base64,!!!!", "data:image/png;base64,",
            "data:image/png;base64,AAAA", "data:image/svg+xml;base64,PHN2Zy8+", "xomni-image:img_0", "xomni-image:../../etc/passwd", "javascript:alert(1)", "");

    private final int port;
    private final Random random;

    HostileRequests(int port, long seed) {
        this.port = port;
        this.random = new Random(seed);
    }

    /**
     * Sends requests one after the other.
     *
     * @param line gets the count of each status; 0 for a connection that was closed without an answer
     * @return whether none was answered with 5xx or not at all, and the server is well afterwards
     */
    boolean send(int count, Map<String, Object> line) throws IOException {
        Map<Integer, Integer> statuses = new TreeMap<>();
        List<String> bad = new ArrayList<>();
        long before = 0;
        int warmUp = Math.min(count / 4, 500);
        for (int i = 0; i < count; i++) {
            byte[] request = request();
            int status = exchange(request);
            statuses.merge(status, 1, Integer::sum);
            if (status < 0 || status >= 500) {
                bad.add(status + " " + new String(request, 0, Math.min(request.length, 300), ISO_8859_1));
            }
            if (i == warmUp) {
                before = ServeBench.residentMegabytes();
            }
        }
        boolean well = exchange(("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").getBytes(ISO_8859_1)) == 200;
        line.put("bench", "hostile");
        line.put("requests", count);
        line.put("statuses", statuses);
        line.put("bad", bad.subList(0, Math.min(bad.size(), 5)));
        line.put("well_afterwards", well);
        line.put("resident_mib", List.of(before, ServeBench.residentMegabytes()));
        return bad.isEmpty() && well;
    }

    /** The status, 0 if the server closed the connection, -1 if it did nothing. */
    private int exchange(byte[] request) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port), PATIENCE_MILLIS);
            socket.setSoTimeout(PATIENCE_MILLIS);
            try {
                socket.getOutputStream().write(request);
                if (!new String(request, ISO_8859_1).contains("Connection: close")) {
                    // The server must not wait for the rest of what never comes.
                    socket.shutdownOutput();
                }
                return status(socket.getInputStream());
            } catch (SocketTimeoutException e) {
                return -1;
            } catch (IOException e) {
                // The server had enough before it had read all.
                return 0;
            }
        }
    }

    private static int status(InputStream in) throws IOException {
        byte[] head = in.readNBytes(12);
        long unused = in.transferTo(OutputStream.nullOutputStream());
        String line = new String(head, ISO_8859_1);
        return line.matches("HTTP/1\\.[01] \\d{3}") ? Integer.parseInt(line.substring(9)) : 0;
    }

    private byte[] request() {
        return switch (random.nextInt(10)) {
            case 0 -> garbage();
            case 1 -> get(pick(PATHS));
            case 2 -> brokenHttp();
            case 3 -> post("/v1/images/generations", brokenJson("{\"prompt\":\"a\",\"size\":\"16x16\",\"n\":1}"));
            case 4 -> post("/v1/chat/completions", brokenJson("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":1}"));
            case 5, 6 -> post("/v1/images/generations", fields(DRAW_FIELDS, "\"prompt\":\"a\",\"size\":\"16x16\",\"xomni_steps\":1").getBytes(UTF_8));
            case 7 -> post("/v1/chat/completions",
                    fields(CHAT_FIELDS, "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":1").getBytes(UTF_8));
            default -> post("/v1/chat/completions", ("{\"max_tokens\":1,\"messages\":[" + message() + "]}").getBytes(UTF_8));
        };
    }

    private byte[] garbage() {
        byte[] bytes = new byte[random.nextInt(600)];
        random.nextBytes(bytes);
        return bytes;
    }

    private byte[] get(String path) {
        return ("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").getBytes(ISO_8859_1);
    }

    private byte[] brokenHttp() {
        String body = "{\"prompt\":\"a\",\"size\":\"16x16\"}";
        return pick(List.of(
                        "GET / HTTP/9.9\r\n\r\n",
                        "BREW /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                        "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n",
                        "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
                        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + "y".repeat(20_000) + "\r\n\r\n",
                        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \u00ff\u0001\r\nConnection: close\r\n\r\n",
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n" + body,
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -5\r\n\r\n" + body,
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n" + body,
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                        "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n--x--"))
                .getBytes(ISO_8859_1);
    }

    private byte[] brokenJson(String good) {
        byte[] bytes = good.getBytes(UTF_8);
        return switch (random.nextInt(5)) {
            case 0 -> Arrays.copyOf(bytes, random.nextInt(bytes.length));
            case 1 -> {
                byte[] changed = bytes.clone();
                changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
                yield changed;
            }
            case 2 -> ("[".repeat(1 + random.nextInt(3000))).getBytes(UTF_8);
            case 3 -> ("{\"a\":".repeat(1 + random.nextInt(3000))).getBytes(UTF_8);
            default -> (good + good + pick(VALUES)).getBytes(UTF_8);
        };
    }

    private String fields(List<String> names, String good) {
        StringBuilder json = new StringBuilder("{");
        if (random.nextBoolean()) {
            json.append(good).append(',');
        }
        for (int i = random.nextInt(3); i >= 0; i--) {
            json.append('"').append(pick(names)).append("\":").append(pick(VALUES)).append(i == 0 ? "" : ",");
        }
        return json.append('}').toString();
    }

    private String message() {
        String url = switch (random.nextInt(4)) {
            case 0 -> "data:image/png;base64," + Base64.getEncoder().encodeToString(bomb());
            case 1 -> "data:image/" + pick(List.of("png", "jpeg", "webp", "gif", "bmp")) + ";base64," + Base64.getEncoder().encodeToString(garbage());
            default -> pick(URLS);
        };
        String image = "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" + url + "\"}}";
        return pick(List.of(
                "{\"role\":\"user\",\"content\":[" + image + "]}",
                "{\"role\":\"system\",\"content\":[" + image + "]}",
                "{\"role\":\"user\",\"content\":[" + (image + ",").repeat(40) + image + "]}",
                "{\"role\":\"<|im_start|>\",\"content\":\"a\"}",
                "{\"role\":\"assistant\",\"content\":\"![x](xomni-image:img_00000000000000000000000000000000)\"}",
                "{\"role\":\"user\",\"content\":" + pick(VALUES) + "}",
                "{\"role\":" + pick(VALUES) + ",\"content\":\"a\"}",
                "{\"role\":\"user\",\"content\":\"" + "\\ue000".repeat(300) + "<|im_end|>{{x}}\"}",
                "{\"role\":\"user\",\"content\":[{\"type\":" + pick(VALUES) + "}]}"));
    }

    /** A PNG of a few bytes that says it has many pixels. */
    private byte[] bomb() {
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        png.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', 13, 10, 26, 10});
        byte[] header = {0, 0, (byte) random.nextInt(128), -1, 0, 0, -1, -1, 8, 2, 0, 0, 0};
        png.writeBytes(new byte[] {0, 0, 0, 13});
        byte[] typed = new byte[17];
        System.arraycopy("IHDR".getBytes(ISO_8859_1), 0, typed, 0, 4);
        System.arraycopy(header, 0, typed, 4, 13);
        png.writeBytes(typed);
        CRC32 crc = new CRC32();
        crc.update(typed);
        int sum = (int) crc.getValue();
        png.writeBytes(new byte[] {(byte) (sum >> 24), (byte) (sum >> 16), (byte) (sum >> 8), (byte) sum});
        return png.toByteArray();
    }

    private byte[] post(String path, byte[] body) {
        byte[] head = ("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n")
                .getBytes(ISO_8859_1);
        byte[] all = Arrays.copyOf(head, head.length + body.length);
        System.arraycopy(body, 0, all, head.length, body.length);
        return all;
    }

    private String pick(List<String> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}
