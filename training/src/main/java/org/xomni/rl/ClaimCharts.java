package org.xomni.rl;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.xomni.eval.Interval;
import org.xomni.tensor.NewFile;
import org.xomni.tensor.XOmniException;

/** The paper's Fig. 2 and Fig. 6 as PNG; bars are as long as the 95% intervals, whose exact ends stand in {@code claims.json}. */
final class ClaimCharts {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;

    private ClaimCharts() {}

    /** Writes {@code figure-2.png} and, where text was asked for, {@code figure-6.png}. */
    static void write(RlClaims claims, Path folder) {
        save(rewards(claims), folder.resolve("figure-2.png"));
        if (!claims.guidance().isEmpty()) {
            save(guidance(claims), folder.resolve("figure-6.png"));
        }
    }

    /** Lines for best-of-n of the supervised model, n = 1, 2, 4, ..., and the curve of reinforcement learning. */
    private static XYChart rewards(RlClaims claims) {
        XYChart chart = chart("Held-out reward: reinforcement learning against best-of-N", "RL steps", "reward");
        List<Long> steps = List.copyOf(claims.steps().keySet());
        double[] x = steps.stream().mapToDouble(Long::doubleValue).toArray();
        double[] ends = {x[0], x[x.length - 1]};
        claims.bestOf().forEach((n, best) -> {
            if (Integer.bitCount(n) == 1) {
                chart.addSeries("SFT, best of " + n, ends, new double[] {best.mean(), best.mean()}).setMarker(SeriesMarkers.NONE);
            }
        });
        series(chart, "RL, one image", x, List.copyOf(claims.steps().values()));
        return chart;
    }

    private static XYChart guidance(RlClaims claims) {
        XYChart chart = chart("Text accuracy over guidance", "guidance scale", "text accuracy");
        double[] x = claims.guidance().stream().mapToDouble(RlClaims.Guided::scale).toArray();
        series(chart, "SFT", x, claims.guidance().stream().map(g -> g.accuracy().before()).toList());
        series(chart, "RL", x, claims.guidance().stream().map(g -> g.accuracy().after()).toList());
        return chart;
    }

    private static void series(XYChart chart, String name, double[] x, List<Interval> y) {
        double[] means = y.stream().mapToDouble(Interval::mean).toArray();
        double[] bars = y.stream().mapToDouble(i -> (i.high() - i.low()) / 2).toArray();
        chart.addSeries(name, x, means, bars).setMarker(SeriesMarkers.CIRCLE);
    }

    private static XYChart chart(String title, String x, String y) {
        XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(x).yAxisTitle(y).build();
        chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    private static void save(XYChart chart, Path file) {
        try {
            byte[] png = BitmapEncoder.getBitmapBytes(chart, BitmapEncoder.BitmapFormat.PNG);
            NewFile.write(file, out -> out.write(png));
        } catch (IOException e) {
            throw new XOmniException(file + " cannot be drawn (" + e + "); the numbers stand beside it in claims.json", e);
        }
    }
}
