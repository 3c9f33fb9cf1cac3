package org.xomni.data;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.xomni.image.ImageFiles;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Tar shards in the manner of WebDataset: the members {@code 000123.png} and {@code 000123.txt} are one sample. A member's key is its path
 * up to the first dot of the file name; what follows is its kind: {@code png}, {@code jpg}, {@code webp}, {@code gif}, {@code bmp} (or
 * {@code 0.png}, {@code 1.png} for several pictures), {@code txt} for a caption, {@code json} for a caption or a conversation. Other kinds
 * are ignored.
 *
 * <p>Opening reads the headers of all shards once, 512 bytes a member; pictures are decoded when they are asked for.
 */
public final class WebDataset implements Records {
    private static final Set<String> IMAGES = Set.of("png", "jpg", "jpeg", "webp", "gif", "bmp");
    private static final int MAX_TEXT = 16 << 20;
    private static final int MAX_IMAGE = 256 << 20;

    private final List<DataFile> shards = new ArrayList<>();
    private final List<Group> groups = new ArrayList<>();

    /** What belongs to one sample, by kind. */
    private record Group(DataFile shard, String key, Map<String, Tar.Member> members) {
        String name() {
            return shard.path().getFileName() + "/" + key;
        }

        /** Kinds that are pictures, in the order of their names: "0.png", "1.png". */
        List<String> pictures() {
            return members.keySet().stream()
                    .filter(kind -> IMAGES.contains(kind.substring(kind.lastIndexOf('.') + 1)))
                    .sorted(Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()))
                    .toList();
        }
    }

    /** @throws InputException if a shard cannot be read or is damaged, naming it and the byte */
    public WebDataset(List<Path> shards) {
        try {
            for (Path path : shards) {
                DataFile shard = DataFile.open(path);
                this.shards.add(shard);
                index(shard);
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * All {@code .tar} files of a folder, by name.
     *
     * @throws InputException if there is none, or as the constructor does
     */
    public static WebDataset in(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> tars = files.filter(f -> f.toString().endsWith(".tar")).sorted().toList();
            if (tars.isEmpty()) {
                throw new InputException(folder + " has no .tar files; name a folder of shards");
            }
            return new WebDataset(tars);
        } catch (IOException e) {
            throw new InputException(folder + " is not a folder that can be read (" + e + "); name a folder of shards", e);
        }
    }

    private void index(DataFile shard) {
        Map<String, Group> byKey = new LinkedHashMap<>();
        for (Tar.Member member : Tar.members(shard)) {
            int dot = member.name().indexOf('.', member.name().lastIndexOf('/') + 1);
            if (dot > 0) {
                String key = member.name().substring(0, dot);
                Group group = byKey.computeIfAbsent(key, k -> new Group(shard, k, new LinkedHashMap<>()));
                Tar.Member unused = group.members.put(member.name().substring(dot + 1).toLowerCase(Locale.ROOT), member);
            }
        }
        groups.addAll(byKey.values());
    }

    @Override
    public long size() {
        return groups.size();
    }

    @Override
    public Sample record(long number) throws BrokenSample {
        Group group = groups.get((int) number);
        Tar.Member json = group.members.get("json");
        Tar.Member text = group.members.get("txt");
        if (json != null) {
            byte[] bytes = read(group, json, MAX_TEXT);
            // Beside a caption, JSON often holds other things: where the picture is from, for example.
            if (text == null || isSample(bytes)) {
                return SampleJson.read(bytes, group.name(), pictures(group));
            }
        }
        if (text == null) {
            throw new BrokenSample(group.name() + " has neither .txt nor .json, only " + group.members.keySet());
        }
        List<String> shown = group.pictures();
        if (shown.size() != 1) {
            throw new BrokenSample(group.name() + " has " + shown.size() + " pictures for one caption, expected 1");
        }
        String caption = new String(read(group, text, MAX_TEXT), UTF_8).strip();
        return new Sample.Generation(group.name(), caption, picture(group, shown.getFirst()));
    }

    private static boolean isSample(byte[] json) {
        try {
            return SampleJson.isSample(Json.mapper().readTree(json));
        } catch (JacksonException e) {
            return false;
        }
    }

    private SampleJson.Pictures pictures(Group group) {
        return new SampleJson.Pictures() {
            @Override
            public Picture named(JsonNode reference) throws BrokenSample {
                return picture(group, reference.asString(""));
            }

            /** By their kinds; or, as LLaVA's records name files of a folder that is not there, those beside it if they are as many. */
            @Override
            public List<Picture> named(List<JsonNode> references) throws BrokenSample {
                boolean kinds = references.stream().allMatch(reference -> group.members.containsKey(reference.asString("")));
                return kinds || references.size() != group.pictures().size() ? SampleJson.Pictures.super.named(references) : beside();
            }

            @Override
            public List<Picture> beside() throws BrokenSample {
                List<Picture> all = new ArrayList<>();
                for (String kind : group.pictures()) {
                    all.add(picture(group, kind));
                }
                return all;
            }
        };
    }

    private static Picture picture(Group group, String kind) throws BrokenSample {
        Tar.Member member = group.members.get(kind);
        if (member == null) {
            throw new BrokenSample(group.name() + " refers to '" + kind + "' and has only " + group.members.keySet());
        }
        try {
            return new Picture.Raw(ImageFiles.decode(read(group, member, MAX_IMAGE), group.name() + "." + kind));
        } catch (InputException e) {
            throw new BrokenSample("" + e.getMessage(), e);
        }
    }

    private static byte[] read(Group group, Tar.Member member, int most) throws BrokenSample {
        if (member.size() > most) {
            throw new BrokenSample(group.name() + ": " + member.name() + " has " + member.size() + " bytes, more than " + most);
        }
        return group.shard.read(member.offset(), (int) member.size());
    }

    @Override
    public void close() {
        shards.forEach(DataFile::close);
    }
}
