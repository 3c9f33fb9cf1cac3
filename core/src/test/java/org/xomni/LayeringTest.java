package org.xomni;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Packages know each other in one direction: {@code docs/architecture.md}. */
class LayeringTest {
    private static final JavaClasses PRODUCTION =
            new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("org.xomni");

    /** What a package may import of the others; the facade, {@code org.xomni}, may import all of them. */
    private static final Map<String, List<String>> LAYERS = Map.of(
            "tensor", List.of(),
            "nn", List.of("tensor"),
            "text", List.of("tensor"),
            "image", List.of("tensor"),
            "tokenizer", List.of("tensor", "nn", "text", "image"),
            "autoregressive", List.of("tensor", "nn", "text", "image"),
            "decoder", List.of("tensor", "nn", "text", "image"));

    static final Object[] layers = LAYERS.keySet().stream().sorted().toArray();

    @ParameterizedTest
    @FieldSource("layers")
    void aPackageImportsOnlyWhatIsBelowIt(String layer) {
        String[] below = Stream.concat(Stream.of(layer), LAYERS.getOrDefault(layer, List.of()).stream())
                .map(name -> "org.xomni." + name + "..")
                .toArray(String[]::new);
        classes().that(resideInAPackage("org.xomni." + layer + ".."))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(below).or(not(resideInAPackage("org.xomni.."))))
                .check(PRODUCTION);
    }

    @Test
    void everyPackageHasItsLayer() {
        assertThat(PRODUCTION.stream().map(JavaClass::getPackageName).filter(name -> !name.equals("org.xomni")))
                .allMatch(name -> LAYERS.containsKey(name.split("\\.")[2]));
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("org.xomni.(*)..").should().beFreeOfCycles().check(PRODUCTION);
    }

    @Test
    void userTextReachesTheTemplateEngineInOnePlaceOnly() {
        noClasses().that(not(resideInAPackage("org.xomni.text")))
                .should()
                .dependOnClassesThat(resideInAPackage("com.hubspot.jinjava.."))
                .check(PRODUCTION);
    }
}
