package org.xomni.server;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;

/** The server knows the facade, images, JSON, and the few values that the facade's own signatures have. */
class LayersTest {
    @Test
    void theServerImportsTheFacadeOnly() {
        classes().that(resideInAPackage("org.xomni.server"))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage("org.xomni", "org.xomni.image", "org.xomni.server")
                        .or(belongToAnyOf(
                                Sampling.class, UnifiedConfig.class, DecoderDefaults.class, InputException.class, CheckpointException.class, XOmniException.class,
                                Json.class))
                        .or(not(resideInAPackage("org.xomni.."))))
                .check(new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("org.xomni.server"));
    }
}
