package org.xomni;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The packages of training stand on the models' packages, know each other in one direction, and never use the facade. */
class TrainingLayersTest {
    private static final JavaClasses PRODUCTION =
            new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("org.xomni");

    private static final List<String> MODELS = List.of("tensor", "nn", "text", "image", "tokenizer", "autoregressive", "decoder");

    private static final Map<String, List<String>> LAYERS =
            Map.of("data", List.of(), "train", List.of("data"), "ocr", List.of(), "eval", List.of("data", "train", "ocr"),
                    "rl", List.of("data", "train", "ocr", "eval"));

    @ParameterizedTest
    @ValueSource(strings = {"data", "train", "ocr", "eval", "rl"})
    void aPackageImportsOnlyWhatIsBelowIt(String layer) {
        String[] below = Stream.of(Stream.of(layer), MODELS.stream(), LAYERS.getOrDefault(layer, List.of()).stream())
                .flatMap(names -> names)
                .map(name -> "org.xomni." + name + "..")
                .toArray(String[]::new);
        classes().that(resideInAPackage("org.xomni." + layer + ".."))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(below).or(not(resideInAPackage("org.xomni.."))))
                .check(PRODUCTION);
    }
}
