package org.xomni.train;

import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;

/** Makes records of YAML and collects all that is wrong, so that a recipe is mended in one go. The rules stand at {@link RecipeFile}. */
final class RecipeReader {
    private static final String KIND = "kind";

    private final List<String> problems = new ArrayList<>();

    /** What was wrong so far, each with its line. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    /** A recipe's record; null if there are problems. */
    @Nullable
    Object read(Yaml root, Class<? extends Record> type) {
        return value(root, type, "");
    }

    /** A value of a type; null where there is a problem with it. */
    private @Nullable Object value(Yaml node, Type type, String where) {
        if (type instanceof ParameterizedType generic) {
            return generic.getRawType() == List.class ? list(node, generic.getActualTypeArguments()[0], where)
                    : generic.getRawType() == Map.class ? map(node, generic, where)
                    : unsupported(type, where);
        }
        if (!(type instanceof Class<?> plain)) {
            return unsupported(type, where);
        }
        if (plain.isRecord()) {
            return node instanceof Yaml.Fields fields ? record(fields, plain, where, false)
                    : wrong(node, where, "keys and values: " + String.join(", ", keys(plain)));
        }
        return plain.isSealed() ? sealed(node, plain, where) : scalar(node, plain, where);
    }

    private @Nullable Object record(Yaml.Fields node, Class<?> type, String where, boolean ofKind) {
        int before = problems.size();
        RecordComponent[] components = type.getRecordComponents();
        List<String> known = keys(type);
        for (Map.Entry<String, Yaml> field : node.fields().entrySet()) {
            String key = field.getKey();
            if (!known.contains(key) && !(ofKind && key.equals(KIND))) {
                problem(field.getValue(), "unknown key '" + key + "'" + in(where) + Nearest.hint(key, known)
                        + (known.isEmpty() ? "; it has no keys" : "; known keys: " + String.join(", ", known)));
            }
        }
        List<String> missing = new ArrayList<>();
        List<@Nullable Object> values = new ArrayList<>();
        for (RecordComponent component : components) {
            String key = kebab(component.getName());
            Yaml given = node.fields().get(key);
            Default otherwise = component.getAnnotation(Default.class);
            if (given != null && !(given instanceof Yaml.Nothing)) {
                values.add(value(given, component.getGenericType(), join(where, key)));
            } else if (otherwise != null) {
                values.add(value(Yaml.parse(otherwise.value()), component.getGenericType(), join(where, key)));
            } else if (nullable(component.getAnnotatedType())) {
                values.add(null);
            } else {
                missing.add("'" + key + "'");
            }
        }
        if (!missing.isEmpty()) {
            problem(node, String.join(", ", missing) + (missing.size() == 1 ? " is" : " are") + " missing" + in(where));
        }
        return problems.size() > before ? null : construct(node, type, components, values, where);
    }

    private @Nullable Object construct(
            Yaml node, Class<?> type, RecordComponent[] components, List<@Nullable Object> values, String where) {
        try {
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values.toArray());
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof InputException refused) {
                problem(node, (where.isEmpty() ? "" : where + ": ") + refused.getMessage());
                return null;
            }
            throw new IllegalStateException(type.getName() + " cannot be made", e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(type.getName() + " cannot be made", e);
        }
    }

    /** One record of several, chosen by its kind. */
    private @Nullable Object sealed(Yaml node, Class<?> type, String where) {
        Map<String, Class<?>> kinds = new LinkedHashMap<>();
        collectKinds(type, kinds);
        String expected = "one of " + String.join(", ", kinds.keySet());
        Yaml kind = node instanceof Yaml.Fields fields ? fields.fields().get(KIND) : node;
        if (kind == null) {
            return problem(node, "'" + KIND + "' is missing" + in(where) + "; expected " + expected);
        }
        String kindAt = node == kind ? where : join(where, KIND);
        if (!(kind instanceof Yaml.Scalar name)) {
            return wrong(kind, kindAt, expected);
        }
        Class<?> chosen = kinds.get(name.text());
        if (chosen == null) {
            return wrong(kind, kindAt, expected + Nearest.hint(name.text(), kinds.keySet()));
        }
        return record(node instanceof Yaml.Fields fields ? fields : new Yaml.Fields(node.line(), Map.of()), chosen, where, true);
    }

    private static void collectKinds(Class<?> type, Map<String, Class<?>> kinds) {
        for (Class<?> permitted : type.getPermittedSubclasses()) {
            if (permitted.isSealed()) {
                collectKinds(permitted, kinds);
            } else if (permitted.isRecord()) {
                kinds.put(kebab(permitted.getSimpleName()), permitted);
            }
        }
    }

    private @Nullable Object list(Yaml node, Type type, String where) {
        if (!(node instanceof Yaml.Items items)) {
            return wrong(node, where, "a list");
        }
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < items.items().size(); i++) {
            Object value = value(items.items().get(i), type, where + "[" + i + "]");
            if (value != null) {
                values.add(value);
            }
        }
        return List.copyOf(values);
    }

    private @Nullable Object map(Yaml node, ParameterizedType type, String where) {
        if (type.getActualTypeArguments()[0] != String.class) {
            return unsupported(type, where);
        }
        if (!(node instanceof Yaml.Fields fields)) {
            return wrong(node, where, "keys and values");
        }
        Map<String, Object> values = new LinkedHashMap<>();
        fields.fields().forEach((key, child) -> {
            Object value = value(child, type.getActualTypeArguments()[1], join(where, key));
            if (value != null) {
                values.put(key, value);
            }
        });
        return Collections.unmodifiableMap(values);
    }

    private @Nullable Object scalar(Yaml node, Class<?> type, String where) {
        String text = node instanceof Yaml.Scalar scalar ? scalar.text() : null;
        if (type == String.class) {
            return text != null ? text : wrong(node, where, "text");
        } else if (type == Path.class) {
            return text != null ? Path.of(text) : wrong(node, where, "a path");
        } else if (type == boolean.class || type == Boolean.class) {
            return "true".equals(text) ? Boolean.TRUE : "false".equals(text) ? Boolean.FALSE : wrong(node, where, "true or false");
        } else if (type.isEnum()) {
            return constant(node, type, where);
        }
        BigDecimal number = text == null ? null : number(text);
        if (type == int.class || type == Integer.class) {
            Long value = whole(number, Integer.MIN_VALUE, Integer.MAX_VALUE);
            return value != null ? (Object) value.intValue() : wrong(node, where, "a whole number");
        } else if (type == long.class || type == Long.class) {
            Long value = whole(number, Long.MIN_VALUE, Long.MAX_VALUE);
            return value != null ? value : wrong(node, where, "a whole number");
        } else if (type == double.class || type == Double.class) {
            return number != null && Double.isFinite(number.doubleValue()) ? (Object) number.doubleValue() : wrong(node, where, "a number");
        } else if (type == float.class || type == Float.class) {
            return number != null && Float.isFinite(number.floatValue()) ? (Object) number.floatValue() : wrong(node, where, "a number");
        }
        return unsupported(type, where);
    }

    private @Nullable Object constant(Yaml node, Class<?> type, String where) {
        Map<String, Object> constants = new LinkedHashMap<>();
        for (Object constant : Objects.requireNonNull(type.getEnumConstants(), "an enum has constants")) {
            constants.put(((Enum<?>) constant).name().toLowerCase(Locale.ROOT).replace('_', '-'), constant);
        }
        String text = node instanceof Yaml.Scalar scalar ? scalar.text() : "";
        Object found = constants.get(text);
        return found != null ? found
                : wrong(node, where, "one of " + String.join(", ", constants.keySet()) + Nearest.hint(text, constants.keySet()));
    }

    private static @Nullable BigDecimal number(String text) {
        try {
            return new BigDecimal(text.replaceAll("(?<=\\d)_(?=\\d)", ""));
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable Long whole(@Nullable BigDecimal number, long min, long max) {
        try {
            long value = number == null ? min - 1 : number.longValueExact();
            return number != null && value >= min && value <= max ? value : null;
        } catch (ArithmeticException e) {
            return null;
        }
    }

    private @Nullable Object wrong(Yaml node, String where, String expected) {
        return problem(node, (where.isEmpty() ? "the recipe" : where) + " is " + node.describe() + ", expected " + expected);
    }

    private @Nullable Object problem(Yaml node, String what) {
        problems.add("line " + node.line() + ": " + what);
        return null;
    }

    private static Object unsupported(Type type, String where) {
        throw new IllegalArgumentException("a recipe cannot hold a " + type.getTypeName() + " (" + where + ")");
    }

    /** JSpecify's annotation is one of the type, not of the component. */
    private static boolean nullable(AnnotatedType type) {
        return type.isAnnotationPresent(Nullable.class);
    }

    private static List<String> keys(Class<?> record) {
        return Arrays.stream(record.getRecordComponents()).map(c -> kebab(c.getName())).toList();
    }

    private static String in(String where) {
        return where.isEmpty() ? "" : " in " + where;
    }

    private static String join(String where, String key) {
        return where.isEmpty() ? key : where + "." + key;
    }

    /** {@code learningRate} to {@code learning-rate}. */
    private static String kebab(String name) {
        return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "-").toLowerCase(Locale.ROOT);
    }
}
