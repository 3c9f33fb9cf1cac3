package org.xomni.data;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.xomni.image.ImageFiles;
import org.xomni.tensor.InputException;
import tools.jackson.databind.JsonNode;

/**
 * A file of records and a folder of the images that they name: captions, {@code {"image": "a.png", "text": "..."}} (or {@code "caption"}),
 * and conversations in the manner of LLaVA, {@code {"image": "a.png" | ["a.png", ...], "conversations": [...]}}, one a line or as one
 * array.
 *
 * <p>The paths are not trusted: one that leads out of the folder breaks its record. Links are followed, as image folders often consist of
 * them.
 */
public final class AnnotatedImages implements Records {
    private final JsonFile file;
    private final Path folder;

    /**
     * @param annotations a {@code .jsonl} file with one record a line, or a {@code .json} file with one array of records
     * @param images the folder that paths of images are relative to
     * @throws InputException if the file cannot be read
     */
    public AnnotatedImages(Path annotations, Path images) {
        this.file = JsonFile.open(annotations);
        this.folder = images.toAbsolutePath().normalize();
    }

    @Override
    public long size() {
        return file.size();
    }

    @Override
    public Sample record(long number) throws BrokenSample {
        String name = file.name((int) number);
        return SampleJson.read(file.read((int) number), name, reference -> picture(reference, name));
    }

    private Picture picture(JsonNode reference, String name) throws BrokenSample {
        Path image = inside(reference, name);
        try {
            return new Picture.Raw(ImageFiles.read(image));
        } catch (InputException e) {
            throw new BrokenSample(name + ": " + e.getMessage(), e);
        }
    }

    private Path inside(JsonNode reference, String name) throws BrokenSample {
        if (!reference.isString()) {
            throw new BrokenSample(name + " has the image " + reference + ", expected a path");
        }
        String path = reference.stringValue();
        try {
            Path image = folder.resolve(path).normalize();
            if (!Path.of(path).isAbsolute() && image.startsWith(folder) && !image.equals(folder)) {
                return image;
            }
        } catch (InvalidPathException e) {
            throw new BrokenSample(name + " has an image path that no file can have", e);
        }
        throw new BrokenSample(name + " has the image '" + path + "', which is not inside of the images' folder");
    }

    @Override
    public void close() {
        file.close();
    }
}
