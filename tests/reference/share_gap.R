# Intervals of the difference of two independent shares: method 10 of Newcombe (1998, Statistics in Medicine 17,
# 873-890), from the score intervals that base R's prop.test gives for either share. The first four pairs are among
# those whose intervals the paper prints. Run in this folder: Rscript share_gap.R
pairs <- data.frame(
  x1 = c(56, 9, 5, 10, 6, 0, 0, 180), n1 = c(70, 10, 56, 10, 7, 10, 28, 240),
  x2 = c(48, 3, 0, 0, 2, 0, 3, 150), n2 = c(80, 10, 29, 10, 7, 20, 9, 240)
)
score <- function(x, n) suppressWarnings(prop.test(x, n, correct = FALSE))$conf.int
pairs$estimate <- pairs$x1 / pairs$n1 - pairs$x2 / pairs$n2
for (i in seq_len(nrow(pairs))) {
  row <- pairs[i, ]
  one <- score(row$x1, row$n1)
  two <- score(row$x2, row$n2)
  p <- row$x1 / row$n1
  q <- row$x2 / row$n2
  pairs$conf_low[i] <- p - q - sqrt((p - one[1])^2 + (two[2] - q)^2)
  pairs$conf_high[i] <- p - q + sqrt((one[2] - p)^2 + (q - two[1])^2)
}
write.csv(format(pairs, digits = 12), "share_gap_r.csv", row.names = FALSE, quote = FALSE)
