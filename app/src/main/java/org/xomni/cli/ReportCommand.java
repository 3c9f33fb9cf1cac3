package org.xomni.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.train.report.RunReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni report RUN}: how training went, as one page of HTML. */
@Command(name = "report", mixinStandardHelpOptions = true, description = "Writes how a run of training went as one page of HTML.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Folder of a run, or of several, which are then compared.")
    Path run = Path.of("");

    @Option(names = {"-o", "--output"}, paramLabel = "FILE.html", description = "Default: RUN/report.html.")
    @Nullable
    Path output;

    @Option(names = "--debug", description = "Show the stack trace of an error.")
    boolean debug;

    @Override
    public Integer call() {
        Path file = output != null ? output : run.resolve("report.html");
        if (output != null) {
            Outputs.requireWritable(output);
        }
        RunReport.write(run, file);
        System.out.println(file);
        return 0;
    }
}
