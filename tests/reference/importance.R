# Relative weights (Johnson 2000) and LMG (Lindeman, Merenda & Gold 1980) by their definitions, in base R.
# LMG is the plain average over all orders of entry, every model fitted by lm(); nothing is shared with exlink's code.
#   Rscript tests/reference/importance.R OUT.csv [seat_reviews.csv]
args <- commandArgs(trailingOnly = TRUE)
orders <- function(v) if (length(v) <= 1) list(v) else
  do.call(c, lapply(seq_along(v), function(i) lapply(orders(v[-i]), function(o) c(v[i], o))))
fit <- function(d, y, xs) if (length(xs)) summary(lm(reformulate(xs, y), d))$r.squared else 0
lmg <- function(d, y, xs) {
  all <- orders(xs); gain <- setNames(numeric(length(xs)), xs); known <- new.env()
  r2 <- function(s) { k <- paste(sort(s), collapse = "+")
    if (is.null(known[[paste0("k", k)]])) assign(paste0("k", k), fit(d, y, s), envir = known); known[[paste0("k", k)]] }
  for (o in all) for (i in seq_along(o)) gain[o[i]] <- gain[o[i]] + r2(o[1:i]) - r2(o[seq_len(i - 1)])
  gain / length(all)
}
johnson <- function(d, y, xs) {
  x <- scale(as.matrix(d[xs])) / sqrt(nrow(d) - 1); v <- scale(d[[y]]) / sqrt(nrow(d) - 1)
  s <- svd(x); z <- s$u %*% t(s$v); lambda <- s$v %*% diag(s$d) %*% t(s$v)   # Johnson's eqs. 4-6
  setNames(drop(lambda^2 %*% (t(z) %*% v)^2), xs)
}
vif <- function(d, xs) setNames(sapply(xs, function(x) 1 / (1 - fit(d, x, setdiff(xs, x)))), xs)
index <- function(d, xs) { s <- svd(scale(as.matrix(d[xs])))$d; max(s) / min(s) }
rows <- function(name, d, y, xs) rbind(
  data.frame(dataset = name, quantity = "lmg", term = xs, value = lmg(d, y, xs)),
  data.frame(dataset = name, quantity = "johnson", term = xs, value = johnson(d, y, xs)),
  data.frame(dataset = name, quantity = "slope", term = xs, value = coef(lm(reformulate(xs, y), d))[xs]),
  data.frame(dataset = name, quantity = "vif", term = xs, value = vif(d, xs)),
  data.frame(dataset = name, quantity = "condition_index", term = "", value = index(d, xs)),
  data.frame(dataset = name, quantity = "rsquared", term = "", value = fit(d, y, xs)))
# Longley (1967): seven macroeconomic series, the classic collinear regression; swiss: fertility of 47 provinces in 1888
out <- rbind(rows("longley", longley, "Employed", setdiff(names(longley), "Employed")),
             rows("swiss", swiss, "Fertility", setdiff(names(swiss), "Fertility")))
dir <- dirname(args[1])
write.csv(longley, file.path(dir, "longley.csv"), row.names = FALSE)
write.csv(swiss, file.path(dir, "swiss.csv"), row.names = FALSE)
if (length(args) > 1) {
  seat <- read.csv(args[2]); xs <- c("seat_legroom_rating", "seat_recline_rating", "seat_width_rating",
                                     "aisle_space_rating", "viewing_tv_rating")
  seat[xs][seat[xs] == 0] <- NA   # 0 stands for "not applicable"
  out <- rbind(out, rows("skytrax_seat", na.omit(seat[c("overall_rating", xs)]), "overall_rating", xs))
}
out$r_version <- R.version.string
out$value <- sprintf("%.15g", out$value)
write.csv(out, args[1], row.names = FALSE)
