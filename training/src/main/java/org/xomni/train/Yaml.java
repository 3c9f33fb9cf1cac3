package org.xomni.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.xomni.tensor.InputException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLParser;

/**
 * A YAML document whose parts know their lines. Scalars are kept as they were written: what they mean, says the type that they are
 * read into.
 */
sealed interface Yaml {
    /** What the parser says of a place. */
    Pattern PLACE = Pattern.compile("^in .*line (\\d+), column \\d+");

    /** Where it begins, from 1. */
    int line();

    /** What it is, in a message. */
    String describe();

    /** Text, a number, true or false. */
    record Scalar(int line, String text) implements Yaml {
        @Override
        public String describe() {
            String shown = text.length() > 60 ? text.substring(0, 60) + "..." : text;
            return "'" + shown.replace('\n', ' ') + "'";
        }
    }

    /** A key without a value, or {@code null}. */
    record Nothing(int line) implements Yaml {
        @Override
        public String describe() {
            return "empty";
        }
    }

    /** A list. */
    record Items(int line, List<Yaml> items) implements Yaml {
        @Override
        public String describe() {
            return "a list";
        }
    }

    /** Keys with values, in the file's order. */
    record Fields(int line, Map<String, Yaml> fields) implements Yaml {
        @Override
        public String describe() {
            return "a map";
        }
    }

    /**
     * Reads one document.
     *
     * @throws InputException if it is not YAML, is empty, has a key twice or uses an alias; the message begins with the line
     */
    static Yaml parse(String text) {
        try (YAMLParser parser = (YAMLParser) YAMLMapper.shared().createParser(text)) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new InputException("line 1: there is nothing in it; write a recipe");
            }
            Yaml root = node(parser, first);
            if (parser.nextToken() != null) {
                throw new InputException("line " + line(parser) + ": a second document begins; keep one recipe a file");
            }
            return root;
        } catch (JacksonException e) {
            throw notYaml(e);
        }
    }

    /** The parser says what it was about, where; what is wrong there, where: the last of these pairs of lines counts. */
    private static InputException notYaml(JacksonException e) {
        int line = e.getLocation() == null ? 1 : Math.max(1, e.getLocation().getLineNr());
        List<String> said = String.valueOf(e.getOriginalMessage()).lines().map(String::strip).filter(l -> !l.isEmpty()).toList();
        String problem = said.isEmpty() ? "" : said.getFirst();
        for (int i = 1; i < said.size(); i++) {
            Matcher where = PLACE.matcher(said.get(i));
            if (where.find()) {
                line = Integer.parseInt(where.group(1));
                problem = said.get(i - 1);
            }
        }
        return new InputException("line " + line + ": this is not YAML: " + problem + "; mend it there", e);
    }

    private static Yaml node(YAMLParser parser, JsonToken token) {
        int line = line(parser);
        if (parser.isCurrentAlias()) {
            throw new InputException("line " + line + ": an alias stands there; write the value out");
        }
        return switch (token) {
            case START_OBJECT -> fields(parser, line);
            case START_ARRAY -> {
                List<Yaml> items = new ArrayList<>();
                for (JsonToken next = parser.nextToken(); next != JsonToken.END_ARRAY; next = parser.nextToken()) {
                    items.add(node(parser, next));
                }
                yield new Items(line, items);
            }
            case VALUE_NULL -> new Nothing(line);
            // The parser takes a tilde, which is null to YAML, for text.
            default -> parser.getString().equals("~") ? new Nothing(line) : new Scalar(line, parser.getString());
        };
    }

    private static Yaml fields(YAMLParser parser, int line) {
        Map<String, Yaml> fields = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            int keyLine = line(parser);
            Yaml value = node(parser, parser.nextToken());
            Yaml before = fields.putIfAbsent(key, value);
            if (before != null) {
                throw new InputException("line " + keyLine + ": '" + key + "' stands there a second time; remove one of the two");
            }
        }
        return new Fields(line, fields);
    }

    private static int line(YAMLParser parser) {
        return parser.currentTokenLocation().getLineNr();
    }
}
