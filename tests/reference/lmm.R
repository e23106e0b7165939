# Reference numbers for exlink.stats.lmm, made with lme4, lmerTest and clubSandwich.
#
#   python tests/reference/lmm_data.py FOLDER
#   Rscript tests/reference/lmm.R FOLDER REAL_FOLDER
#
# FOLDER holds the simulated data sets; REAL_FOLDER holds sleepstudy.csv, Penicillin.csv and Exam.csv.
# Writes lmm_r.csv, dyestuff.csv, dyestuff2.csv and pastes.csv beside this script, and InstEval.csv into FOLDER.
# lmm_r.csv is long: case, reml, quantity, group, term1, term2, value, text. theta and the thetas of objective_at
# stand in the order in which `groups` names the factors (lme4 itself sorts by number of levels).

suppressPackageStartupMessages(library(lme4))
options(digits = 17, warn = 1)

arguments <- commandArgs(trailingOnly = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))))
SIMULATED <- arguments[1]
REAL <- arguments[2]
SHOWN_LEVELS <- 10 # of factors with more than MANY_LEVELS
MANY_LEVELS <- 100

# ---- data -----------------------------------------------------------------------------------------------------

as_factors <- function(frame, columns) {
  for (column in columns) {
    frame[[column]] <- factor(frame[[column]], levels = sort(unique(frame[[column]]), method = "radix"))
  }
  frame
}

from_csv <- function(folder, name, factors = character()) {
  as_factors(read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = FALSE), factors)
}

plain <- function(frame) {
  as.data.frame(lapply(frame, function(column) if (is.factor(column)) as.character(column) else column))
}

inst_eval <- as_factors(plain(InstEval), c("s", "d", "dept", "service"))
repeated <- Dyestuff[rep(seq_len(nrow(Dyestuff)), 1 + seq_len(nrow(Dyestuff)) %% 3), ] # counts 2, 3, 1, 2, 3, 1, …

# ---- cases ----------------------------------------------------------------------------------------------------
# groups: the factors in the order of exlink's `random`; cluster: the first of them, for robust errors;
# profile: intervals by profile likelihood; big: too large for the vcov, ML degrees of freedom and CR2

case <- function(data, formula, groups, weights = NULL, profile = FALSE, big = FALSE, scaling = NULL) {
  list(data = data, formula = formula, groups = groups, weights = weights, profile = profile, big = big,
       scaling = scaling)
}

# Columns centred and scaled before lme4 sees them, since its cross-products lose digits on the raw ones: X_s = X A.
# Estimates are brought back by b = A b_s, and the REML criterion by log|X' V^-1 X| = log|X_s' V^-1 X_s| - 2 log|A|.
badly_scaled <- from_csv(SIMULATED, "badly_scaled", "g")
badly_scaled$year <- badly_scaled$year - 2020
badly_scaled$seconds <- (badly_scaled$seconds - 1e5) / 1e4
unscale <- rbind(c(1, -2020, -10, 0), c(0, 1, 0, 0), c(0, 0, 1e-4, 0), c(0, 0, 0, 1))

CASES <- list(
  sleepstudy = case(from_csv(REAL, "sleepstudy", "Subject"), Reaction ~ Days + (Days | Subject), "Subject",
                    profile = TRUE),
  sleepstudy_independent = case(from_csv(REAL, "sleepstudy", "Subject"), Reaction ~ Days + (Days || Subject),
                                "Subject"),
  penicillin = case(from_csv(REAL, "Penicillin", c("plate", "sample")), diameter ~ 1 + (1 | plate) + (1 | sample),
                    c("plate", "sample"), profile = TRUE),
  exam = case(from_csv(REAL, "Exam", c("school", "sex", "schgend")),
              normexam ~ standLRT + sex + schgend + (standLRT | school), "school"),
  dyestuff = case(Dyestuff, Yield ~ 1 + (1 | Batch), "Batch", profile = TRUE),
  dyestuff2 = case(Dyestuff2, Yield ~ 1 + (1 | Batch), "Batch"),
  dyestuff_repeated = case(repeated, Yield ~ 1 + (1 | Batch), "Batch"),
  pastes = case(Pastes, strength ~ 1 + (1 | batch) + (1 | batch:cask), c("batch", "batch:cask"), profile = TRUE),
  insteval = case(inst_eval, y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept), c("s", "d", "dept"), big = TRUE),
  crossed3 = case(from_csv(SIMULATED, "crossed3", c("employee", "customer", "queue", "channel")),
                  score ~ x + wait + channel + (1 + x | employee) + (1 | customer) + (1 | queue),
                  c("employee", "customer", "queue"), big = TRUE),
  unbalanced = case(from_csv(SIMULATED, "unbalanced", "g"), y ~ x + z + (1 + x | g), "g"),
  nested = case(from_csv(SIMULATED, "nested", c("site", "team", "employee")),
                y ~ x + late + (1 | site) + (1 | site:team) + (1 | site:team:employee),
                c("site", "site:team", "site:team:employee")),
  few = case(from_csv(SIMULATED, "few", "g"), y ~ treated + x + (1 | g), "g"),
  weighted = case(from_csv(SIMULATED, "weighted", "unit"), y ~ x + (1 | unit), "unit", weights = "n"),
  badly_scaled = case(badly_scaled, y ~ year + seconds + flag + (1 + flag | g), "g", scaling = unscale),
  singular_corr = case(from_csv(SIMULATED, "singular_corr", "g"), y ~ x + (1 + x | g), "g")
)

# ---- fitting --------------------------------------------------------------------------------------------------

# One Newton step from numerical derivatives: below the optimisers' noise floor the criterion is too flat to compare.
newton <- function(fn, par, lower) {
  free <- par > lower
  of_free <- function(p) fn(replace(par, free, p))
  if (!any(free)) return(par)
  gradient <- numDeriv::grad(of_free, par[free], method.args = list(d = 0.02)) # the default drowns in rounding
  hessian <- numDeriv::hessian(of_free, par[free])
  replace(par, free, pmax(par[free] - solve(hessian, gradient), lower[free]))
}

# lme4 calls this as its optimiser: two optimisers in turn, the boundary tried exactly, and Newton steps at the end.
tightest <- function(fn, par, lower, upper, control) {
  tries <- list(
    nloptwrap(par, fn, lower, upper, control = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 5000)),
    minqa::bobyqa(ifelse(par == 0, 1e-3, par), fn, lower, rep(Inf, length(par)),
                  control = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 5000))
  )
  pars <- lapply(tries, `[[`, "par")
  pars <- c(lapply(pars, function(p) ifelse(lower == 0 & p < 1e-4, 0, p)), pars) # ties go to the exact boundary
  best <- pars[[which.min(vapply(pars, fn, 0))]]
  for (step in 1:2) {
    polished <- newton(fn, best, lower)
    if (fn(polished) <= fn(best) + 1e-9) best <- polished
  }
  found <<- sprintf("optimisers differ by %.1e in the criterion, and by %.1e from theta",
                    fn(tries[[1]]$par) - fn(tries[[2]]$par), max(abs(best - tries[[1]]$par)))
  list(par = best, fval = fn(best), feval = 0, convergence = 0, message = "")
}

TIGHT <- lmerControl(optimizer = "tightest", calc.derivs = FALSE, restart_edge = FALSE)

# The call holds values, not names, except D: lmerTest, confint and clubSandwich evaluate it again.
fit <- function(case, reml, control = TIGHT, ...) {
  assign("D", case$data, globalenv())
  call <- bquote(lmer(.(case$formula), data = D, REML = .(reml), control = .(control), ..(list(...))), splice = TRUE)
  if (!is.null(case$weights)) call$weights <- as.name(case$weights)
  eval(call, globalenv())
}

# ---- lme4's order and ours ------------------------------------------------------------------------------------

# lme4 adds ".1" to a factor that stands in a second term
factor_of <- function(names) sub("\\.[0-9]+$", "", names)

# Positions of lme4's thetas in the order of `groups`.
theta_order <- function(model, groups) {
  sizes <- lengths(lapply(getME(model, "cnms"), function(terms) seq_len(length(terms) * (length(terms) + 1) / 2)))
  order(match(rep(factor_of(names(sizes)), sizes), groups))
}

# Thetas that are not the optimum: the identity, one with every entry different, and least squares.
trial_thetas <- function(lower) {
  k <- seq_along(lower)
  list(ifelse(lower == 0, 1, 0), ifelse(lower == 0, 0.2 + 0.15 * k, 0.05 * k - 0.2), 0 * k)
}

# ---- quantities: each returns rows ----------------------------------------------------------------------------

rows <- function(quantity, value, group = "", term1 = "", term2 = "", text = "") {
  if (length(value) == 0) return(NULL)
  data.frame(quantity = quantity, group = group, term1 = term1, term2 = term2, value = value, text = text,
             row.names = NULL)
}

coefficients_of <- function(model, case, reml) {
  A <- if (is.null(case$scaling)) diag(length(fixef(model))) else case$scaling
  terms <- names(fixef(model))
  covariance <- A %*% as.matrix(vcov(model)) %*% t(A)
  pairs <- which(lower.tri(covariance, diag = TRUE), arr.ind = TRUE)
  tests <- if (!case$big || reml) {
    tested <- lmerTest::as_lmerModLmerTest(model)
    df <- apply(A, 1, function(L) lmerTest::contest1D(tested, L)$df)
    rows("satterthwaite_df", df, term1 = terms)
  }
  rbind(
    rows("fixef", as.vector(A %*% fixef(model)), term1 = terms),
    rows("std_error", sqrt(diag(covariance)), term1 = terms),
    if (!case$big) rows("vcov", covariance[pairs], term1 = terms[pairs[, 1]], term2 = terms[pairs[, 2]]),
    tests
  )
}

variances_of <- function(model) {
  table <- as.data.frame(VarCorr(model), order = "lower.tri")
  residual <- table$grp == "Residual"
  term1 <- ifelse(residual, "", table$var1)
  rows("varcorr", table$vcov, group = factor_of(table$grp), term1 = term1,
       term2 = ifelse(is.na(table$var2), term1, table$var2))
}

criterion_of <- function(model, case, reml) {
  shift <- if (reml && !is.null(case$scaling)) -2 * determinant(case$scaling)$modulus[1] else 0
  objective <- if (reml) REMLcrit(model) else deviance(model, REML = FALSE)
  order <- theta_order(model, case$groups)
  theta <- getME(model, "theta")[order]
  devfun <- fit(case, reml, devFunOnly = TRUE)
  at <- do.call(rbind, lapply(trial_thetas(getME(model, "lower")[order]), function(trial) {
    value <- devfun(replace(trial, order, trial)) + shift
    rows("objective_at", value, term1 = paste(trial, collapse = " "))
  }))
  rbind(
    rows("objective", objective + shift),
    rows("loglik", as.numeric(logLik(model)) - shift / 2),
    rows("sigma", sigma(model)),
    rows("theta", unname(theta), term1 = seq_along(theta)),
    at
  )
}

counts_of <- function(model, groups) {
  words <- model@optinfo$conv$lme4$messages
  if (is.null(words) && isSingular(model)) words <- default_words(model)
  rbind(
    rows("nobs", nobs(model)),
    rows("ngroups", unname(summary(model)$ngrps[groups]), group = groups),
    rows("singular", as.numeric(isSingular(model))),
    rows("message", NA, text = if (is.null(words)) "" else paste(words, collapse = "; "))
  )
}

# lme4 says that a fit is singular while checking derivatives, which the tight fit does without.
default_words <- function(model) {
  again <- eval(bquote(update(.(model), control = lmerControl(), start = .(getME(model, "theta")))), globalenv())
  again@optinfo$conv$lme4$messages
}

modes_of <- function(model) {
  modes <- as.data.frame(ranef(model, condVar = TRUE))
  modes$grp <- as.character(modes$grp)
  shown <- unlist(lapply(split(seq_len(nrow(modes)), modes$grpvar), function(of_factor) {
    levels <- sort(unique(modes$grp[of_factor]), method = "radix")
    if (length(levels) > MANY_LEVELS) levels <- head(levels, SHOWN_LEVELS)
    of_factor[modes$grp[of_factor] %in% levels]
  }))
  modes <- modes[shown, ]
  group <- factor_of(as.character(modes$grpvar))
  term <- as.character(modes$term)
  rbind(rows("ranef", modes$condval, group, term, modes$grp), rows("ranef_sd", modes$condsd, group, term, modes$grp))
}

# Nakagawa, Johnson & Schielzeth (2017): variance of X b, mean over rows of z' Sigma z, residual variance. A row of
# weight w counts w times, since the residual variance is that of one answer (MuMIn counts rows).
r_squared_of <- function(model) {
  shares <- weights(model) / sum(weights(model))
  mean_part <- as.vector(getME(model, "X") %*% fixef(model))
  fixed <- sum(shares * (mean_part - sum(shares * mean_part))^2) * nobs(model) / (nobs(model) - 1)
  random <- sigma(model)^2 * sum(shares * Matrix::rowSums(loadings_of(model)^2))
  total <- fixed + random + sigma(model)^2
  rbind(rows("r2m", fixed / total), rows("r2c", (fixed + random) / total))
}

loadings_of <- function(model) Matrix::t(getME(model, "Lambdat") %*% getME(model, "Zt"))

# Clustered by the first factor: scores A_g' (y - X b)_g with A = V^-1 X, for crossed factors as well, where
# clubSandwich gives no answer. CR1 is G / (G - 1) times their sum of squares.
cr1_of <- function(model, case) {
  rows("cr1_se", robust_errors(model, case, cr1_middle(model, case)), term1 = names(fixef(model)))
}

cr1_middle <- function(model, case) {
  residual <- as.vector(getME(model, "y") - getME(model, "X") %*% fixef(model))
  scores <- rowsum(solved_by_v(model) * residual, getME(model, "flist")[[case$groups[1]]])
  nrow(scores) / (nrow(scores) - 1) * crossprod(scores)
}

robust_errors <- function(model, case, middle) {
  A <- if (is.null(case$scaling)) diag(length(fixef(model))) else case$scaling
  bread <- as.matrix(vcov(model))
  sqrt(diag(A %*% bread %*% middle %*% bread %*% t(A)))
}

# Crossed clusters are correlated through the other factors: CR1, plus what the model says of pairs of rows in
# different clusters, A' Z_f Psi_f Z_f' A over all rows less its part within clusters.
cr1_crossed_of <- function(model, case) {
  cluster <- getME(model, "flist")[[case$groups[1]]]
  solved <- solved_by_v(model)
  between <- 0
  for (other in case$groups[-1]) {
    psi <- as.numeric(VarCorr(model)[[other]])
    level <- getME(model, "flist")[[other]]
    within <- rowsum(solved, as.integer(level) + nlevels(level) * as.numeric(as.integer(cluster)))
    between <- between + psi * (crossprod(rowsum(solved, level)) - crossprod(within))
  }
  rows("cr1_crossed_se", robust_errors(model, case, cr1_middle(model, case) + between), term1 = names(fixef(model)))
}

solved_by_v <- function(model) {
  X <- getME(model, "X")
  loadings <- loadings_of(model) * weights(model)
  inner <- Matrix::solve(getME(model, "L"), Matrix::crossprod(loadings, X), system = "A")
  solved <- as.matrix(X * weights(model) - loadings %*% inner) / sigma(model)^2
  bread <- solve(crossprod(X, solved))
  stopifnot(all.equal(bread, as.matrix(vcov(model)), check.attributes = FALSE, tolerance = 1e-6))
  solved
}

# CR2 of Bell & McCaffrey (2002) in whitened rows: scores X*' (I - H*)^{-1/2} r*, df by Satterthwaite. clubSandwich
# takes another square root (Pustejovsky & Tipton 2018), unbiased under the model as well; the two differ slightly.
cr2_white_of <- function(model, case) {
  A <- if (is.null(case$scaling)) diag(length(fixef(model))) else case$scaling
  M <- as.matrix(vcov(model))
  parts <- lapply(split(seq_len(nobs(model)), getME(model, "flist")[[case$groups[1]]]), whitened(model, M))
  middle <- Reduce(`+`, lapply(parts, function(p) tcrossprod(p$score)))
  df <- apply(A, 1, function(L) {
    own <- vapply(parts, function(p) drop(crossprod(p$root %*% p$X %*% M %*% L)), 0)
    load <- vapply(parts, function(p) drop(crossprod(p$X, p$root %*% p$X %*% M %*% L)), L)
    load <- matrix(load, nrow = length(L))
    covariance <- diag(own) - crossprod(load, M %*% load)
    sum(diag(covariance))^2 / sum(covariance^2)
  })
  terms <- names(fixef(model))
  se <- robust_errors(model, case, middle)
  rbind(rows("cr2_white_se", se, term1 = terms), rows("cr2_white_df", df, term1 = terms))
}

whitened <- function(model, M) {
  loadings <- loadings_of(model)
  residual <- getME(model, "y") - getME(model, "X") %*% fixef(model)
  function(of_cluster) {
    V <- diag(1 / weights(model)[of_cluster], length(of_cluster)) +
      as.matrix(Matrix::tcrossprod(loadings[of_cluster, , drop = FALSE]))
    upper <- chol(sigma(model)^2 * V)
    X <- backsolve(upper, getME(model, "X")[of_cluster, , drop = FALSE], transpose = TRUE)
    axes <- eigen(diag(length(of_cluster)) - X %*% M %*% t(X), symmetric = TRUE)
    powers <- ifelse(axes$values > 1e-9, pmax(axes$values, 1e-9)^-0.5, 0)
    root <- axes$vectors %*% (powers * t(axes$vectors))
    list(X = X, root = root, score = crossprod(X, root %*% backsolve(upper, residual[of_cluster], transpose = TRUE)))
  }
}

# CR2 and its Satterthwaite df by clubSandwich, whose CR1 has to be the one above.
cr2_of <- function(original, case) {
  model <- original
  A <- if (is.null(case$scaling)) diag(length(fixef(model))) else case$scaling
  cluster <- model@frame[[case$groups[1]]]
  if (!is.null(case$weights)) model <- with_weights_multiplied_in(model, case)
  terms <- names(fixef(original))
  cr1 <- clubSandwich::vcovCR(model, cluster = cluster, type = "CR1")
  theirs <- unname(sqrt(diag(A %*% as.matrix(cr1) %*% t(A))))
  stopifnot(all.equal(theirs, cr1_of(original, case)$value, tolerance = 1e-8))
  vcov <- clubSandwich::vcovCR(model, cluster = cluster, type = "CR2")
  tests <- clubSandwich::linear_contrast(model, vcov, contrasts = A, test = "Satterthwaite")
  rbind(rows("cr2_se", tests$SE, term1 = terms), rows("cr2_df", tests$df, term1 = terms))
}

# clubSandwich takes no precision weights, but sqrt(w)·(y, X, Z) with errors of equal variance is the same model.
with_weights_multiplied_in <- function(model, case) {
  root <- sqrt(weights(model))
  X <- getME(model, "X") * root
  colnames(X) <- c("one", colnames(X)[-1])
  D <<- cbind(data.frame(y_ = getME(model, "y") * root, root_ = root), X, case$data[case$groups])
  right <- paste(c(0, colnames(X), sprintf("(0 + root_ | %s)", case$groups)), collapse = " + ")
  again <- eval(bquote(lmer(.(as.formula(paste("y_ ~", right))), data = D, REML = .(isREML(model)), control = TIGHT)),
                globalenv())
  stopifnot(all.equal(unname(fixef(again)), unname(fixef(model)), tolerance = 1e-8))
  again
}

is_nested <- function(model, groups) {
  factors <- getME(model, "flist")
  all(vapply(groups, function(g) all(rowSums(table(factors[[g]], factors[[groups[1]]]) > 0) == 1), TRUE))
}

intervals_of <- function(model) {
  names <- as.data.frame(VarCorr(model), order = "lower.tri")
  usual <- eval(bquote(update(.(model), control = lmerControl(optimizer = "bobyqa"))), globalenv())
  limits <- confint(usual, method = "profile", quiet = TRUE)
  random <- limits[grepl("^.sig", rownames(limits)), , drop = FALSE]
  residual <- names$grp == "Residual"
  group <- factor_of(names$grp)
  term1 <- ifelse(residual, "", names$var1)
  term2 <- ifelse(is.na(names$var2), term1, names$var2)
  stopifnot(nrow(random) == nrow(names))
  rbind(rows("profile_low", unname(random[, 1]), group, term1, term2),
        rows("profile_high", unname(random[, 2]), group, term1, term2))
}

# ---- everything -----------------------------------------------------------------------------------------------

numbers <- function(name, reml) {
  case <- CASES[[name]]
  model <- fit(case, reml)
  cat(name, if (reml) "REML:" else "ML:", found, "\n")
  small_and_nested <- !case$big && is_nested(model, case$groups)
  result <- rbind(
    coefficients_of(model, case, reml),
    variances_of(model),
    criterion_of(model, case, reml),
    counts_of(model, case$groups),
    modes_of(model),
    r_squared_of(model),
    cr1_of(model, case),
    if (small_and_nested) cr2_of(model, case),
    if (small_and_nested) cr2_white_of(model, case),
    if (!is_nested(model, case$groups)) cr1_crossed_of(model, case),
    if (case$profile && !reml) intervals_of(model)
  )
  cbind(case = name, reml = as.numeric(reml), result)
}

about <- function() {
  versions <- vapply(c("lme4", "lmerTest", "clubSandwich"), function(p) as.character(packageVersion(p)), "")
  sums <- read.csv(file.path(SIMULATED, "checksums.csv"), colClasses = "character")
  rbind(
    cbind(case = "", reml = NA, rows("version", NA, term1 = c("R", names(versions)),
                                     text = c(as.character(getRversion()), versions))),
    cbind(case = sums$case, reml = NA, rows("checksum", NA, text = sums$checksum))
  )
}

write_numbers <- function(table, path) {
  table$value <- ifelse(is.na(table$value), "", sprintf("%.15g", table$value))
  table$reml <- ifelse(is.na(table$reml), "", table$reml)
  write.csv(table, path, row.names = FALSE, quote = FALSE)
}

write.csv(plain(InstEval), file.path(SIMULATED, "InstEval.csv"), row.names = FALSE, quote = FALSE)
for (published in c("Dyestuff", "Dyestuff2", "Pastes")) {
  file <- file.path(here, paste0(tolower(published), ".csv"))
  write.csv(plain(get(published)), file, row.names = FALSE, quote = FALSE)
}
chosen <- if (length(arguments) > 2) arguments[-(1:2)] else names(CASES)
results <- do.call(rbind, lapply(chosen, function(name) rbind(numbers(name, TRUE), numbers(name, FALSE))))
write_numbers(rbind(about(), results), file.path(if (length(arguments) > 2) SIMULATED else here, "lmm_r.csv"))
