package org.xomni.server;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.xomni.tensor.InputException;

/** The models that are served, each by its id; the first is for requests that name none. */
final class Models {
    private static final int LONGEST_ID = 255;

    private final SequencedMap<String, ServedModel> byId = new LinkedHashMap<>();

    Models(List<ServedModel> models) {
        if (models.isEmpty()) {
            throw new InputException("there is no model to serve; give one or more");
        }
        for (ServedModel model : models) {
            if (byId.putIfAbsent(model.id(), model) != null) {
                throw new InputException("two models are named '" + model.id() + "'; rename one of them");
            }
        }
    }

    /** All of them, the default first. */
    List<ServedModel> all() {
        return List.copyOf(byId.values());
    }

    /** The one for requests that name none. */
    ServedModel first() {
        return byId.firstEntry().getValue();
    }

    /** @throws ApiException 404 if it is not served */
    ServedModel named(String id) {
        ServedModel model = byId.get(id);
        if (model == null) {
            throw ApiException.notFound(
                    "model_not_found", "there is no such model here; this server has '" + String.join("', '", byId.keySet()) + "'");
        }
        return model;
    }

    /**
     * The model that a request's {@code model} names, or the first.
     *
     * @throws ApiException 404 if it is not served
     */
    ServedModel asked(Fields body) {
        return body.has("model") ? named(body.text("model", LONGEST_ID)) : first();
    }

    /** Whether all of them take on tasks. */
    boolean accept() {
        return byId.values().stream().allMatch(model -> model.engine().accepts());
    }

    /** Ends all engines side by side: they take no more, and what is begun gets {@code grace} to finish. */
    void close(Duration grace) {
        try (ExecutorService each = Executors.newVirtualThreadPerTaskExecutor()) {
            byId.values().forEach(model -> each.execute(() -> model.engine().close(grace)));
        }
    }
}
