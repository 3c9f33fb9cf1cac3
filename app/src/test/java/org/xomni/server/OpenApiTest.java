package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The description says what the server does: its paths answer, its examples work, and what comes back has the described shape. */
class OpenApiTest {
    private static final TestServer server = TestServer.several();

    @AfterAll
    static void close() {
        server.close();
    }

    @Test
    void itsPathsAreTheServersAndItsExamplesWork() throws Exception {
        JsonNode description = Json.mapper().readTree(server.get("/openapi.json").body());
        assertThat(description.path("openapi").asString("")).isEqualTo("3.1.0");
        List<String> described = new ArrayList<>(description.path("paths").propertyNames());
        assertThat(described).containsExactlyInAnyOrderElementsOf(server.apiRoutes());
        for (Map.Entry<String, JsonNode> path : description.path("paths").properties()) {
            JsonNode post = path.getValue().path("post");
            for (JsonNode example : post.path("requestBody").path("content").path("application/json").path("examples")) {
                JsonNode request = example.path("value");
                new Shapes(description).check(post.path("requestBody").path("content").path("application/json").path("schema"), request, "request");
                check(description, post, server.post(path.getKey(), request.toString()));
            }
            JsonNode get = path.getValue().path("get");
            if (!get.isMissingNode() && !path.getKey().contains("{file}")) {
                check(description, get, server.get(path.getKey().replace("{model}", TestServer.OTHER)));
            }
        }
    }

    @Test
    void errorsHaveTheDescribedShape() throws Exception {
        JsonNode description = Json.mapper().readTree(server.get("/openapi.json").body());
        JsonNode images = description.path("paths").path("/v1/images/generations").path("post");
        for (String request : List.of("{}", "{", "[]", "{\"prompt\":7}", "{\"prompt\":\"a\",\"n\":11}", "{\"prompt\":\"a\",\"model\":\"x\"}")) {
            HttpResponse<String> response = server.post("/v1/images/generations", request);
            assertThat(response.statusCode()).as(request).isBetween(400, 404);
            check(description, images, response);
        }
        check(description, description.path("paths").path("/v1/images/files/{file}").path("get"), server.get("/v1/images/files/file_0.png"));
        check(description, description.path("paths").path("/v1/models/{model}").path("get"), server.get("/v1/models/x"));
    }

    @Test
    void examplesWorkWithEveryModel() throws Exception {
        JsonNode description = Json.mapper().readTree(server.get("/openapi.json").body());
        for (String path : List.of("/v1/images/generations", "/v1/chat/completions")) {
            JsonNode post = description.path("paths").path(path).path("post");
            for (JsonNode example : post.path("requestBody").path("content").path("application/json").path("examples")) {
                ObjectNode request = ((ObjectNode) example.path("value")).put("model", TestServer.OTHER);
                new Shapes(description).check(post.path("requestBody").path("content").path("application/json").path("schema"), request, "request");
                HttpResponse<String> response = server.post(path, request.toString());
                assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
                check(description, post, response);
            }
        }
    }

    private static void check(JsonNode description, JsonNode operation, HttpResponse<String> response) {
        String type = response.headers().firstValue("Content-Type").orElse("").split(";", 2)[0];
        JsonNode media = operation.path("responses").path(Integer.toString(response.statusCode())).path("content").path(type);
        assertThat(media.isMissingNode()).as(response.statusCode() + " with " + type + " is described: " + response.body()).isFalse();
        Shapes shapes = new Shapes(description);
        switch (type) {
            case "application/json" -> shapes.check(media.path("schema"), Json.mapper().readTree(response.body()), "response");
            case "text/event-stream" -> response.body().lines().filter(line -> line.startsWith("data: {")).forEach(
                    line -> shapes.check(media.path("schema"), Json.mapper().readTree(line.substring("data: ".length())), "event"));
            default -> assertThat(response.body()).isNotEmpty();
        }
    }

    /** As much of JSON Schema as the description uses. */
    private record Shapes(JsonNode description) {
        void check(JsonNode schema, JsonNode value, String where) {
            if (schema.has("$ref")) {
                check(description.at(schema.path("$ref").stringValue().substring(1)), value, where);
                return;
            }
            if (schema.has("oneOf")) {
                assertThat(schema.path("oneOf")).as(where + " = " + value).anySatisfy(one -> check(one, value, where));
                return;
            }
            JsonNode type = schema.path("type");
            List<String> types = new ArrayList<>();
            if (type.isArray()) {
                type.forEach(t -> types.add(t.stringValue()));
            } else if (type.isString()) {
                types.add(type.stringValue());
            }
            assertThat(types).as(where + " = " + value + " has a described type").contains(type(value, types));
            if (schema.has("enum")) {
                assertThat(schema.path("enum")).as(where).contains(value);
            }
            schema.path("required").forEach(name -> assertThat(value.has(name.stringValue())).as(where + "." + name + " is there").isTrue());
            for (Map.Entry<String, JsonNode> property : schema.path("properties").properties()) {
                if (value.has(property.getKey())) {
                    check(property.getValue(), value.get(property.getKey()), where + "." + property.getKey());
                }
            }
            if (value.isArray() && schema.has("items")) {
                value.forEach(item -> check(schema.path("items"), item, where + "[]"));
            }
        }

        private static String type(JsonNode value, List<String> wanted) {
            return switch (value.getNodeType()) {
                case OBJECT -> "object";
                case ARRAY -> "array";
                case STRING -> "string";
                case BOOLEAN -> "boolean";
                case NUMBER -> value.isIntegralNumber() && !wanted.contains("number") ? "integer" : "number";
                default -> "null";
            };
        }
    }
}
