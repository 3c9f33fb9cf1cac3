package org.xomni.ocr;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * DBNet's post-processing (arXiv 1911.08947, section 3.4): the probability map is cut at a threshold, each connected region is taken as the
 * shrunk kernel of a line, and the smallest rectangle around it is grown back.
 */
final class TextRegions {
    private static final float TEXT = .3f;
    private static final double SURE = .5;

    /** How much a rectangle grows: area x this / perimeter, on each side. */
    private static final double GROWTH = 1.6;

    /** Specks: kernels with a shorter side, in cells of the map. */
    private static final double SMALLEST = 3;

    private final FloatBuffer map;
    private final int height;
    private final int width;
    private final boolean[] seen;
    private final int[] stack;

    private TextRegions(FloatBuffer map, int height, int width) {
        this.map = map;
        this.height = height;
        this.width = width;
        this.seen = new boolean[height * width];
        this.stack = new int[height * width];
    }

    /** The boxes of lines in a probability map of {@code height} x {@code width} values, in its own coordinates. */
    static List<TextBox> find(FloatBuffer map, int height, int width) {
        return new TextRegions(map, height, width).find();
    }

    private List<TextBox> find() {
        List<TextBox> boxes = new ArrayList<>();
        for (int start = 0; start < seen.length; start++) {
            if (!seen[start] && map.get(start) > TEXT) {
                Region region = fill(start);
                TextBox kernel = smallestRectangle(region.corners);
                if (Math.min(kernel.width(), kernel.height()) >= SMALLEST && region.probability >= SURE) {
                    double area = kernel.width() * kernel.height();
                    boxes.add(kernel.grown(area * GROWTH / (2 * (kernel.width() + kernel.height()))));
                }
            }
        }
        return boxes;
    }

    /** A connected region: its mean probability, and points whose convex hull is its own. */
    private record Region(double probability, List<int[]> corners) {}

    private Region fill(int start) {
        int[] first = new int[height];
        int[] last = new int[height];
        Arrays.fill(first, Integer.MAX_VALUE);
        double sum = 0;
        int count = 0;
        int depth = 0;
        stack[depth++] = start;
        seen[start] = true;
        while (depth > 0) {
            int at = stack[--depth];
            int y = at / width;
            int x = at % width;
            first[y] = Math.min(first[y], x);
            last[y] = Math.max(last[y], x);
            sum += map.get(at);
            count++;
            for (int ny = Math.max(y - 1, 0); ny <= Math.min(y + 1, height - 1); ny++) {
                for (int nx = Math.max(x - 1, 0); nx <= Math.min(x + 1, width - 1); nx++) {
                    int neighbour = ny * width + nx;
                    if (!seen[neighbour] && map.get(neighbour) > TEXT) {
                        seen[neighbour] = true;
                        stack[depth++] = neighbour;
                    }
                }
            }
        }
        List<int[]> corners = new ArrayList<>();
        for (int y = 0; y < height; y++) {
            if (first[y] != Integer.MAX_VALUE) {
                for (int edge = y; edge <= y + 1; edge++) {
                    corners.add(new int[] {first[y], edge});
                    corners.add(new int[] {last[y] + 1, edge});
                }
            }
        }
        return new Region(sum / count, corners);
    }

    /** The rectangle of least area around points: one of its sides lies along the convex hull. */
    static TextBox smallestRectangle(List<int[]> points) {
        List<int[]> hull = convexHull(points);
        TextBox best = null;
        for (int i = 0; i < hull.size(); i++) {
            int[] from = hull.get(i);
            int[] to = hull.get((i + 1) % hull.size());
            TextBox box = around(hull, Math.atan2(to[1] - from[1], to[0] - from[0]));
            if (best == null || box.width() * box.height() < best.width() * best.height() - 1e-9) {
                best = box;
            }
        }
        if (best == null) {
            throw new IllegalArgumentException("no points");
        }
        return best;
    }

    /** The rectangle around points that is turned by an angle, or by a right angle more or less: the level one of these. */
    private static TextBox around(List<int[]> points, double angle) {
        double radians = angle - Math.rint(angle / (Math.PI / 2)) * (Math.PI / 2);
        double cos = Math.cos(radians);
        double sin = Math.sin(radians);
        double left = Double.POSITIVE_INFINITY;
        double right = Double.NEGATIVE_INFINITY;
        double top = Double.POSITIVE_INFINITY;
        double bottom = Double.NEGATIVE_INFINITY;
        for (int[] point : points) {
            double along = point[0] * cos + point[1] * sin;
            double across = point[1] * cos - point[0] * sin;
            left = Math.min(left, along);
            right = Math.max(right, along);
            top = Math.min(top, across);
            bottom = Math.max(bottom, across);
        }
        double along = (left + right) / 2;
        double across = (top + bottom) / 2;
        return new TextBox(along * cos - across * sin, along * sin + across * cos, right - left, bottom - top, radians);
    }

    /** Andrew's monotone chain. */
    private static List<int[]> convexHull(List<int[]> points) {
        List<int[]> sorted = new ArrayList<>(points);
        sorted.sort(Comparator.<int[]>comparingInt(p -> p[0]).thenComparingInt(p -> p[1]));
        List<int[]> hull = new ArrayList<>();
        for (int pass = 0; pass < 2; pass++) {
            int base = hull.size();
            for (int[] point : sorted) {
                while (hull.size() - base >= 2 && turn(hull.get(hull.size() - 2), hull.getLast(), point) <= 0) {
                    hull.removeLast();
                }
                hull.add(point);
            }
            hull.removeLast();
            sorted = sorted.reversed();
        }
        return hull;
    }

    private static long turn(int[] a, int[] b, int[] c) {
        return (long) (b[0] - a[0]) * (c[1] - a[1]) - (long) (b[1] - a[1]) * (c[0] - a[0]);
    }
}
