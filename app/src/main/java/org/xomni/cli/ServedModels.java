package org.xomni.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.xomni.ServingEngine;
import org.xomni.ServingLimits;
import org.xomni.XOmni;
import org.xomni.server.ServedModel;
import org.xomni.tensor.InputException;

/** The models of a server, loaded, each with an engine of its own. */
final class ServedModels implements AutoCloseable {
    /** What clients call a model whose folder gives it no name. */
    private static final String UNNAMED = "xomni";

    private final SequencedMap<String, XOmni> loaded = new LinkedHashMap<>();
    private final List<ServedModel> served = new ArrayList<>();

    private ServedModels() {}

    /**
     * Loads them.
     *
     * @param folders of the models; the embedded one is served if there are none
     * @throws InputException if two have the same name, or a FLUX folder is given for several
     */
    static ServedModels load(EngineOptions options, List<Path> folders, ServingLimits limits) {
        if (folders.size() > 1 && options.flux != null) {
            throw new InputException(
                    "--flux is for a single --model; with several, leave it out and put a folder named flux inside or beside each model's folder");
        }
        SequencedMap<String, Path> named = named(folders);
        ServedModels models = new ServedModels();
        try {
            models.open(options, named);
            models.start(limits);
            return models;
        } catch (RuntimeException | Error e) {
            models.close();
            throw e;
        }
    }

    private static SequencedMap<String, Path> named(List<Path> folders) {
        SequencedMap<String, Path> named = new LinkedHashMap<>();
        for (Path folder : folders) {
            String name = name(folder);
            Path other = named.putIfAbsent(name, folder);
            if (other != null) {
                throw new InputException("--model " + other + " and --model " + folder + " are both called '" + name
                        + "' by clients, who know a model by its folder's name; rename one of the folders");
            }
        }
        return named;
    }

    /** What clients call a model: its folder's name. */
    private static String name(Path folder) {
        Path last = folder.toAbsolutePath().normalize().getFileName();
        String name = last == null ? "" : last.toString().replaceAll("[^A-Za-z0-9._-]", "-");
        return name.isEmpty() ? UNNAMED : name;
    }

    /** Reads what is small, so that a wrong folder is an error before the weights of the others have been read. */
    private void open(EngineOptions options, SequencedMap<String, Path> named) {
        if (named.isEmpty()) {
            loaded.put(UNNAMED, options.load(null));
        }
        named.forEach((name, folder) -> loaded.put(name, options.load(folder)));
    }

    private void start(ServingLimits limits) {
        loaded.forEach((name, xomni) -> served.add(new ServedModel(name, ServingEngine.start(xomni, limits))));
    }

    /** In the order of the command line. */
    List<ServedModel> all() {
        return List.copyOf(served);
    }

    @Override
    public void close() {
        served.forEach(model -> model.engine().close());
        loaded.values().forEach(XOmni::close);
    }
}
